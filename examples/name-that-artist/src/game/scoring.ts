// What a right answer is worth: less for every hint and for every wrong guess of one's own, more in a streak.

const FULL_POINTS = 100
const HINT_COSTS = 20
const WRONG_GUESS_COSTS = 10
const LEAST_POINTS = 10
const STREAK_GIVES = 10
const STREAK_GIVES_AT_MOST = 50

/** `streak` counts the rounds in a row that the player had won before this one. */
export function pointsFor({
  hints,
  wrongGuesses,
  streak,
}: {
  hints: number
  wrongGuesses: number
  streak: number
}): number {
  const base = Math.max(LEAST_POINTS, FULL_POINTS - hints * HINT_COSTS - wrongGuesses * WRONG_GUESS_COSTS)
  return base + Math.min(STREAK_GIVES_AT_MOST, streak * STREAK_GIVES)
}
