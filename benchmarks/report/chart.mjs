/** Draws `results.svg`: for each row the ratio of Flatlog to the best peer. */
import { BarChart } from 'echarts/charts'
import { GridComponent, TitleComponent } from 'echarts/components'
import * as echarts from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { times } from './figures.mjs'

const WIDTH = 900
const BAR_HEIGHT = 26
const MARGIN = { top: 80, bottom: 40 }
const BETTER = '#2f7d5b'
const WORSE = '#b5643c'

echarts.use([BarChart, GridComponent, TitleComponent, SVGRenderer])

export function chartOf(compared, { settings, machine }) {
  // Reversed, because the axis starts at the bottom.
  const bars = compared.filter(({ comparison: { ratio } }) => ratio > 0 && Number.isFinite(ratio)).reverse()
  const height = MARGIN.top + MARGIN.bottom + BAR_HEIGHT * Math.max(1, bars.length)
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height })
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: {
      text: 'Flatlog against the best peer of each row',
      subtext: `Above 1 × Flatlog is better. ${machine.processor}; Node.js ${machine.node}; median of ${settings.runs}${settings.isFull ? '' : '; not a full run'}`,
    },
    grid: { left: 270, right: 190, top: MARGIN.top, bottom: MARGIN.bottom },
    // Logarithms on a linear axis, so that bars start at 1 × and go in both directions.
    xAxis: {
      type: 'value',
      minInterval: 1,
      axisLabel: { formatter: (value) => `${Number((10 ** value).toPrecision(1))} ×` },
    },
    yAxis: {
      type: 'category',
      data: bars.map(({ row }) => row.short),
      axisTick: { show: false },
      axisLine: { show: false },
    },
    series: [
      {
        type: 'bar',
        data: bars.map(({ comparison: { ratio, best } }) => ({
          value: Math.log10(ratio),
          itemStyle: { color: ratio >= 1 ? BETTER : WORSE },
          label: { show: true, position: 'right', formatter: `${times(ratio)} ${best.peer.label}` },
        })),
      },
    ],
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return `${svg}\n`
}
