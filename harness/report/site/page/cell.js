'use strict';

/* All figures of one question on one arm, and of a question or mix under load. */

function aggregated(cell) {
    if (cell.time && !cell.routes) { return cell.where + ' (the default request; this file does not record the routes of the others)'; }
    return cell.where + ((cell.routes || []).length === 1 ? ', from ' + cell.routes[0].tables.join(' and ') : '');
}

const withInterval = (time) => `${seconds(time.median)}, 99% interval ${between([time.low, time.high], seconds)}`;
const detecting = (time) => time.detectable ? `; the smallest detectable slowdown is ${percent(time.detectable - 1)}` : '';
const clientShare = (cell, time) => isKnown(cell.client) ? `; the client's processor time is ${percent(cell.client / time.median)} of this median` : '';

function againstLowest(claim) {
    return `${times(claim.ratio)}, 99% interval ${between([claim.low, claim.high], digits)}: ${claim.outcome}${detecting(claim)}`;
}

function percentiles(response) {
    return ['p50', 'p95', 'p99'].map((name) => `${name} ${seconds(response[name])}`).join(', ');
}

/* What became of a rate that was offered. */
function offeredRate(one) {
    const known = one.response && Object.keys(one.response).length;
    return `${digits(one.rate)} a second: ${one.outcome}` + (known ? `, ${percentiles(one.response)}, ${digits(one.cores)} cores` : '');
}

function underLoad(load) {
    return [
        load.highest ? `up to ${digits(load.highest.rate)} a second within ${seconds(load.objective)}` : load.note,
        isKnown(load.capacity) ? `at most ${digits(load.capacity)} right answers a second` : '',
    ].filter(Boolean).join('; ');
}

function cellFacts(cell) {
    const time = cell.time, alone = cell.alone;
    return facts([
        ['Verdict', SIGNS[cell.verdict] + ' ' + cell.verdict + (cell.reason ? ': ' + cell.reason : '')],
        ['Aggregated', aggregated(cell)],
        ['Median', time && `${withInterval(time)}, ${plural(time.samples, 'sample')}, longest ${seconds(time.maximum)}`
            + detecting(time)
            + (cell.drifts ? '; the times still changed while they were measured, so they support no claim' : '')],
        ['Percentiles', time && Object.entries(time.percentiles).map(([name, value]) => `${name} ${seconds(value)}`).join(', ')],
        ['Against the lowest', cell.against && againstLowest(cell.against)],
        ['First request', cell.first && `${seconds(cell.first[0])}, ${cell.first[1]}: the median over launches`],
        ['Alone', alone && `${withInterval(alone)}, while no other arm was asked${clientShare(cell, alone)}`],
        ['From a cache', cell.cached && `${withInterval(cell.cached)}, when the same request is repeated and the engine may use its result cache`],
        ['Processor', isKnown(cell.processor) && `${seconds(cell.processor)} for one question, client and engine together, 99% interval `
            + between(cell.processor_interval, seconds) + (isKnown(cell.client) ? `; the client's part is ${seconds(cell.client)}` : '')],
        ['Processor against the lowest', cell.processor_against && againstLowest(cell.processor_against)],
        ['Under load', cell.load && underLoad(cell.load)],
        ['Offered', cell.load && cell.load.offered && list(cell.load.offered.map(offeredRate))],
        ['Break-even', cell.break_even && `after ${plural(Math.ceil(cell.break_even), 'such question')}, the time saved against raw equals the time of the load`],
        ['Answer', isKnown(cell.rows) && plural(cell.rows, 'row')],
        ['Adapter', cell.adapter && `source ${cell.adapter}, plan ${cell.plan}` + (cell.changed ? '; its source has changed since this run' : '')],
    ]);
}
