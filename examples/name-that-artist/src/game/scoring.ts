// The points for a right answer: fewer for each hint and for each wrong guess of the same player, more for a streak.

const BASE_POINTS = 100
const HINT_COST = 20
const WRONG_GUESS_COST = 10
const MIN_POINTS = 10
const STREAK_BONUS = 10
const MAX_STREAK_BONUS = 50

/** `streak` is how many rounds in a row the player has won before this one. */
export function pointsFor({
  hints,
  wrongGuesses,
  streak,
}: {
  hints: number
  wrongGuesses: number
  streak: number
}): number {
  const base = Math.max(MIN_POINTS, BASE_POINTS - hints * HINT_COST - wrongGuesses * WRONG_GUESS_COST)
  return base + Math.min(MAX_STREAK_BONUS, streak * STREAK_BONUS)
}
