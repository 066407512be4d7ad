'use strict';

/* The choice of a store. The scripts in this folder repeat those of harness/choose file by file, with the same names,
   and a test compares both. Names of data are those of the evidence, as the site's data files have it.

   Here: draws of figures from the joint distribution of their errors. All random numbers follow from their place alone,
   so they are the same as in Python up to rounding. */
const choosing = {};
{
    const DRAWS = 1000, LEVEL = 0.99, SURE = LEVEL;
    const SPREADS = 1000, EDGES = 2000;

    /* Returns an array with `value(draw)` for each draw. */
    function eachDraw(value) {
        const found = new Float64Array(DRAWS);
        for (let draw = 0; draw < DRAWS; draw += 1) { found[draw] = value(draw); }
        return found;
    }
    const constant = (value) => new Float64Array(DRAWS).fill(value);
    const scaled = (factor, draws) => eachDraw((draw) => factor * draws[draw]);

    /* Adds arrays of draws, in their order. */
    function sum(all) {
        const found = new Float64Array(DRAWS);
        for (const draws of all) { for (let draw = 0; draw < DRAWS; draw += 1) { found[draw] += draws[draw]; } }
        return found;
    }
    const mean = (draws) => draws.reduce((total, one) => total + one, 0) / draws.length;

    /* Returns in how many draws something is true. */
    function countOf(isTrue) {
        let found = 0;
        for (let draw = 0; draw < DRAWS; draw += 1) { found += isTrue(draw) ? 1 : 0; }
        return found;
    }

    /* Remembers what a function returned for each argument. */
    function cached(compute, found = new Map()) {
        return (key) => {
            if (!found.has(key)) { found.set(key, compute(key)); }
            return found.get(key);
        };
    }

    /* Returns for each draw a number between 0 and 1: a hash of the draw and the column (the last step of Murmur 3). */
    function uniform(column) {
        const start = Math.imul(column, 0x85EBCA77);
        return eachDraw((draw) => {
            let value = Math.imul(draw, 0x9E3779B1) + start >>> 0;
            value = Math.imul(value ^ value >>> 16, 0x85EBCA6B) >>> 0;
            value = Math.imul(value ^ value >>> 13, 0xC2B2AE35) >>> 0;
            return (((value ^ value >>> 16) >>> 0) + 0.5) / 2 ** 32;
        });
    }

    /* One value of the standard normal distribution for each draw, by the method of Box and Muller. */
    const normal = cached((column) => {
        const one = uniform(2 * column), two = uniform(2 * column + 1);
        return eachDraw((draw) => Math.sqrt(-2 * Math.log(one[draw])) * Math.cos(2 * Math.PI * two[draw]));
    });

    /* For each draw, what makes a normal value one of Student's t with so many degrees of freedom. */
    const spread = cached((dof) => {
        const values = Array.from({ length: dof }, (_, number) => normal(SPREADS + number));
        const squares = sum(values.map((one) => eachDraw((draw) => one[draw] ** 2)));
        return eachDraw((draw) => Math.sqrt(dof / squares[draw]));
    });

    const isKnownError = (figure) => figure.steps.length > 0;

    /* Returns a measured figure, { centre, steps }, in each draw; the same in all draws if its error is unknown. */
    const drawn = cached((figure) => {
        if (!isKnownError(figure)) { return constant(Math.exp(figure.centre)); }
        const moved = sum(figure.steps.map(([launch, step]) => scaled(step, normal(launch))));
        const wider = spread(figure.steps.length - 1);
        return eachDraw((draw) => Math.exp(figure.centre + wider[draw] * moved[draw]));
    }, new WeakMap());

    /* Draws a figure that is only known to lie between two values; each logarithm between theirs is equally likely. */
    function between(low, high, column) {
        const share = uniform(EDGES + column), from = Math.log(low), width = Math.log(high) - Math.log(low);
        return eachDraw((draw) => Math.exp(from + share[draw] * width));
    }

    /* Returns a quantile of sorted values, interpolated between its neighbours. */
    function quantile(sorted, share) {
        const place = share * (sorted.length - 1), below = Math.floor(place), rest = place - below;
        const low = sorted[below], high = sorted[Math.min(below + 1, sorted.length - 1)];
        return rest < 0.5 ? low + (high - low) * rest : high - (high - low) * (1 - rest);
    }
    const median = (draws) => quantile(draws.slice().sort(), 0.5);

    /* Returns the two quantiles that enclose the middle 99% of the draws. */
    function interval(draws) {
        const sorted = draws.slice().sort();
        return [(1 - LEVEL) / 2, (1 + LEVEL) / 2].map((share) => quantile(sorted, share));
    }

    Object.assign(choosing, {
        DRAWS, LEVEL, SURE, eachDraw, constant, scaled, sum, mean, countOf, normal, drawn, isKnownError, between, median, interval,
    });
}
