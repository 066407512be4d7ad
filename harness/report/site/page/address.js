'use strict';

/* Addresses: `#/page?name=value&name=value`. All state of the site is in the address. */

/* Parameters of a page. A parameter has at most one value, or any number of values; `expects` says which values fit. */
const oneOf = (values) => ({ many: false, fits: (value) => values.includes(value), expects: `one of ${values.join(', ') || 'none'}` });
const someOf = (values) => ({ ...oneOf(values), many: true });

/* A number from `least` to `most`, also as 2.7e6; not `least` itself if it must be `above`. */
function numberFrom(least, { above = false, whole = false, most = Infinity } = {}) {
    const range = `${above ? 'above' : 'from'} ${least}${most < Infinity ? ` to ${most}` : ''}`;
    const isIn = (value) => (above ? value > least : value >= least) && value <= most && value < Infinity;
    const fits = (text) => /^\d*\.?\d+(e[+-]?\d+)?$/i.test(text) && isIn(Number(text)) && (!whole || Number.isInteger(Number(text)));
    return { many: false, fits, expects: `a${whole ? ' whole' : ''} number ${range}` };
}
/* Any of these names, each once and with a number of its own, as in `carriers~3`. */
const numbersOf = (names, number) => ({
    many: true, of: (value) => value.split('~')[0], expects: `${names.join('~NUMBER or ')}~NUMBER, with ${number.expects}`,
    fits: (value) => names.includes(value.split('~')[0]) && number.fits(value.split('~').slice(1).join('~')),
});

function decoded(text) {
    try { return decodeURIComponent(text); } catch { return null; }
}

/* Splits an address into { page, given }, where `given` lists [name, value]; or returns { problem }, in words. */
function parseAddress(hash) {
    if (['', '#', '#/'].includes(hash)) { return { page: '', given: [] }; }
    const match = /^#\/([^?/]+)(?:\?(.*))?$/.exec(hash);
    if (!match) { return { problem: `The address ${hash} is malformed: an address is #/page?name=value.` }; }
    const given = [];
    for (const part of (match[2] || '').split('&').filter(Boolean)) {
        const [name, value] = part.split(/=(.*)/s).map(decoded);
        if (!name || !value) { return { problem: `The address is malformed at “${part}”: write name=value, with signs percent-encoded.` }; }
        given.push([name, value]);
    }
    return { page: match[1], given };
}

/* Returns { state } with the values by name, '' or [] if none is given; or { problem }, in words. */
function readState(given, parameters) {
    const state = {};
    for (const [name, parameter] of Object.entries(parameters)) { state[name] = parameter.many ? [] : ''; }
    for (const [name, value] of given) {
        const parameter = parameters[name];
        if (!parameter) { return { problem: `This page has no parameter “${name}”; it has ${Object.keys(parameters).join(', ') || 'none'}.` }; }
        if (!parameter.fits(value)) { return { problem: `${name}=${value} is not known here: give ${parameter.expects}.` }; }
        const isAgain = parameter.many ? parameter.of && state[name].some((one) => parameter.of(one) === parameter.of(value)) : state[name];
        if (isAgain) { return { problem: `${parameter.many ? `${name}=${parameter.of(value)}` : name} is given twice; give it once.` }; }
        if (parameter.many) { state[name] = unique([...state[name], value]); } else { state[name] = value; }
    }
    return { state };
}

/* Returns the address of a page; values that are empty are left out. */
function addressOf(page, state) {
    const written = Object.entries(state)
        .flatMap(([name, value]) => [value].flat().filter((one) => one !== '').map((one) => [name, one]))
        .map((pair) => pair.map((text) => encodeURIComponent(text).replace(/%2F/g, '/')).join('='));
    return `#/${page}` + (written.length ? '?' + written.join('&') : '');
}
