'use strict';

/* Numbers as text. Times are given in seconds and sizes in bytes; a figure that is not known is a dash. */

const DASH = '–';
const FIXED = '\u00a0';  // a space at which no line breaks
const isKnown = (value) => value !== null && value !== undefined;
const unique = (values) => [...new Set(values)];

const count = (value) => isKnown(value) ? Math.round(value).toLocaleString('en') : DASH;
const digits = (value) => !isKnown(value) ? DASH : value >= 100 ? count(value) : Number(value.toPrecision(3)).toString();
const percent = (share) => Number((100 * share).toPrecision(2)) + '%';
const times = (ratio) => (ratio < 10 ? Number(ratio.toPrecision(3)) : count(ratio)) + '×';
const day = (started) => started ? started.slice(0, 10) : 'day unknown';

function seconds(value) {
    if (!isKnown(value)) { return DASH; }
    return value >= 1 ? digits(value) + FIXED + 's' : digits(value * 1000) + FIXED + 'ms';
}

function bytes(value) {
    if (!isKnown(value)) { return 'unknown'; }
    const power = Math.min(Math.floor(Math.log2(Math.max(value, 1)) / 10), 4);
    return digits(value / 2 ** (10 * power)) + FIXED + ['B', 'KiB', 'MiB', 'GiB', 'TiB'][power];
}

const perSecond = (rate) => [digits(rate), 'a', 'second'].join(FIXED);

/* An interval, given as [low, high]; `null` or a bound that is not known makes it unknown. */
function between(interval, text) {
    return interval && isKnown(interval[1]) ? `${text(interval[0])} to ${text(interval[1])}` : 'unknown';
}

/* Round numbers and long times, for the marks of charts. */
const short = (value) => value >= 1e6 ? digits(value / 1e6) + 'M' : value >= 1e4 ? digits(value / 1e3) + 'k' : digits(value);
function duration(value) {
    const [unit, length] = [['days', 86400], ['h', 3600], ['min', 60]].find(([, each]) => value >= each) || ['', 1];
    return unit ? `${digits(value / length)} ${unit}` : seconds(value);
}

const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
