'use strict';

/* Charts as SVG. Both scales of a line chart are logarithmic. */

/* The marks of a logarithmic scale between two values: the finest series with at most `most` of them. */
function ticks(low, high, most) {
    const series = [[1, 1.5, 2, 3, 4, 5, 7], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]].map((firsts) => firsts
        .flatMap((first) => Array.from({ length: 20 }, (_, power) => first * 10 ** (power - 8))).filter((tick) => tick >= low && tick <= high));
    const fitting = series.find((one) => one.length <= most);
    return (fitting || series[4].filter((_, place) => place % 2 === 0)).sort((a, b) => a - b);
}

/* A mark whose shape tells the layout: a circle, a square, a triangle, a triangle on its tip or a diamond. */
function mark(x, y, look) {
    const paths = [
        `M${x - 4},${y} a4,4 0 1,0 8,0 a4,4 0 1,0 -8,0`, `M${x - 4},${y - 4} h8 v8 h-8 z`, `M${x},${y - 5} l5,9 h-10 z`,
        `M${x},${y + 5} l5,-9 h-10 z`, `M${x},${y - 5} l5,5 l-5,5 l-5,-5 z`,
    ];
    return svg('path', { d: paths[look.slice(-1)], class: 'mark ' + look });
}

/* Draws lines of [x, y] points. A series is { name, look, points, signs }; `signs` are [x, text] without y, at the top.
   `limit` is { value, text }, a horizontal line, and `place` a vertical one; `yMarks` are the marks to choose from. Returns
   null without points and signs. */
function lineChart({ title, series, xTitle, xText, yText, limit, place, yMarks }) {
    const drawn = series.filter((one) => one.points.length || one.signs.length);
    if (!drawn.length) { return null; }
    const xs = [...drawn.flatMap((one) => [...one.points.map((point) => point[0]), ...one.signs.map(([across]) => across)]), ...(place ? [place.value] : [])];
    const ys = [...drawn.flatMap((one) => one.points.map((point) => point[1])), ...(limit ? [limit.value] : [])];
    const width = 420, height = 230, left = 58, right = 12, top = 16, bottom = 38;
    const scale = (values, from, to) => {
        const low = Math.min(...values) / 1.25, high = Math.max(...values) * 1.25;
        return { low, high, at: (value) => from + (to - from) * Math.log(value / low) / Math.log(high / low) };
    };
    const x = scale(xs, left, width - right), y = scale(ys.length ? ys : [1], height - bottom, top + 12);
    const text = (across, down, anchor, words, style) => svg('text', { x: across, y: down, 'text-anchor': anchor, class: style }, words);
    const grid = [
        ...ticks(x.low, x.high, 6).map((tick) => [svg('path', { d: `M${x.at(tick)},${top} V${height - bottom}`, class: 'grid' }),
            text(x.at(tick), height - bottom + 15, 'middle', xText(tick))]),
        ...(yMarks ? yMarks.filter((one) => one >= y.low && one <= y.high) : ticks(y.low, y.high, 5)).map((tick) => [svg('path', { d: `M${left},${y.at(tick)} H${width - right}`, class: 'grid' }),
            text(left - 6, y.at(tick) + 4, 'end', yText(tick))]),
    ];
    const line = limit ? [svg('path', { d: `M${left},${y.at(limit.value)} H${width - right}`, class: 'limit' })] : [];
    const words = limit ? [text(left + 4, y.at(limit.value) - 4, 'start', limit.text, 'limit')] : [];
    const isRight = place && x.at(place.value) > width / 2;
    if (place) {
        line.push(svg('path', { d: `M${x.at(place.value)},${top} V${height - bottom}`, class: 'limit' }));
        words.push(text(x.at(place.value) + (isRight ? -4 : 4), height - bottom - 5, isRight ? 'end' : 'start', place.text, 'limit'));
    }
    const lines = drawn.map((one) => {
        const points = one.points.map((point) => [x.at(point[0]), y.at(point[1])]);
        return svg('g', {}, svg('title', {}, one.name),
            svg('polyline', { points: points.map((point) => point.join(',')).join(' '), class: 'line ' + one.look }),
            points.map(([across, down]) => mark(across, down, one.look)),
            one.signs.map(([across, sign]) => text(x.at(across), top + 4, 'middle', sign, 'sign ' + one.look)));
    });
    return h('figure', {}, h('figcaption', {}, title),
        svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${title}: a chart; the table beside it has its figures` },
            grid, line, lines, words, text(width - right, height - 4, 'end', xTitle)));
}

/* The largest p95 at each rate that was offered, as points of a line. */
function slowestAtRates(offered) {
    const known = offered.filter((one) => one.response && one.response.p95);
    return unique(known.map((one) => one.rate)).map((rate) => [rate, Math.max(...known.filter((one) => one.rate === rate).map((one) => one.response.p95))]);
}

/* The p95 of each arm against the rate, with what it should be: `limit`, else the objective of the run. */
function responseChart(run, title, views, { limit, place } = {}) {
    const loaded = views.filter((view) => view.load && view.load.offered);
    const objective = loaded.map((view) => view.load.objective).find(isKnown);
    return lineChart({
        title, xTitle: 'requests a second', xText: digits, yText: seconds, place,
        limit: limit || (isKnown(objective) ? { value: objective, text: `the objective of the run, ${seconds(objective)}` } : null),
        series: loaded.map((view) => ({
            name: view.arm, look: lookOf(run, view.arm),
            points: slowestAtRates(view.load.offered),
            signs: view.load.offered.filter((one) => one.outcome !== 'sustained').map((one) => [one.rate, ['undecided', 'client too slow'].includes(one.outcome) ? '?' : '×']),
        })),
    });
}

/* Bars of one scale, each cut into parts. A bar is { name, text, parts: [{ name, label, value, look }] }; labels of parts
   stand below the bar where they fit. `keys` says what the labels mean, as elements of a list. */
function barChart({ title, bars, keys }) {
    const width = 420, line = 44, sizes = bars.map((bar) => bar.parts.reduce((sum, part) => sum + part.value, 0)), most = Math.max(...sizes);
    const drawn = bars.map((bar, number) => {
        const down = line * number, starts = bar.parts.map((_, place) => bar.parts.slice(0, place).reduce((sum, part) => sum + part.value, 0));
        const across = (value) => most ? width * value / most : 0;
        const label = (part, start) => across(part.value) > 6 * part.label.length
            ? svg('text', { x: across(start), y: down + 37, class: 'part' }, part.label) : null;
        return svg('g', {}, svg('text', { x: 0, y: down + 12, class: 'name' }, bar.name), svg('text', { x: width, y: down + 12, 'text-anchor': 'end', class: 'name' }, bar.text),
            bar.parts.map((part, place) => [svg('rect', { x: across(starts[place]), y: down + 17, width: Math.max(across(part.value) - 1, 0.7), height: 10, class: 'part ' + part.look },
                svg('title', {}, part.name)), label(part, starts[place])]));
    });
    return h('figure', {}, h('figcaption', {}, title),
        svg('svg', { viewBox: `0 0 ${width} ${line * bars.length}`, role: 'img', 'aria-label': `${title}: bars; the table below has their figures` }, drawn),
        h('ul', { class: 'legend' }, keys.map((key) => h('li', {}, key))));
}

/* Names the lines of charts. */
function legend(run, arms) {
    return h('ul', { class: 'legend' }, arms.map((arm) => h('li', {},
        svg('svg', { viewBox: '0 0 34 12', width: '34', height: '12', 'aria-hidden': 'true' },
            svg('path', { d: 'M1,6 H33', class: 'line ' + lookOf(run, arm) }), mark(17, 6, lookOf(run, arm))), ' ' + arm)));
}

/* A bar that takes a share of the width, cut into parts, { name, value }, in proportion to their values. */
function stackedBar(parts, share, look, text) {
    return h('span', { class: 'stack ' + look, style: `width:${100 * share}%` }, parts.map((part) =>
        h('i', { style: `flex-grow:${1e6 * part.value}`, title: `${part.name}: ${text(part.value)}` })));
}

/* A median as a mark on its interval; `place` returns where a value lies, from 0 to 100. */
function intervalBar(figure, place) {
    const from = place(isKnown(figure.high) && figure.low ? figure.low : figure.value), to = place(isKnown(figure.high) && figure.low ? figure.high : figure.value);
    return h('span', { class: 'bar', 'aria-hidden': 'true' }, h('i', { style: `left:${from}%;width:${Math.max(to - from, 0.5)}%` }),
        h('b', { style: `left:${place(figure.value)}%` }));
}

/* One logarithmic scale for the figures of all cells: { place, low, high }, or null without figures. */
function logScale(values) {
    const known = values.filter((value) => isKnown(value) && value > 0);
    if (!known.length) { return null; }
    const low = Math.min(...known), high = Math.max(...known), width = Math.log(high / low) || 1;
    return { low, high, place: (value) => Math.max(0, Math.min(100, 100 * Math.log(value / low) / width)) };
}
