'use strict';

/* The texts of a decision, as `rollup-bench choose` prints them (harness/report/decisions.py). */
{
    const { aSecond, fixed, general, percents, plain, total } = choosing;
    const NOTHING = 'no measured store is known to serve these needs';
    const LABELS = {
        rate: 'questions a second', unforeseen: 'share of unforeseen questions', p95_ms: 'p95 in ms', events_a_day: 'events a day',
        events_a_second: 'events a second', fresh_seconds: 'seconds until events are in answers',
        disk_gb: 'GB on disk', load_seconds: 'seconds of the load', cpu_hour: 'price of a core for an hour',
        memory_gb_month: 'price of a GB of memory', disk_gb_month: 'price of a GB on disk', system_month: 'price of running a system',
        cluster_hour: 'price of a machine for an hour',
    };

    /* Returns a line that says what the decision is about. */
    function scope({ evidence, needs, ask }) {
        const all = total(ask), asked = Object.entries(ask).map(([question, weight]) => `${percents(weight / all)} ${question}`).join(', ');
        const unforeseen = needs.unforeseen ? `, ${percents(needs.unforeseen)} of the questions unforeseen` : '';
        return `${evidence.dataset}, ${fixed(evidence.rows, 0)} rows, ${aSecond(needs.rate)}${unforeseen}: ${asked}`;
    }

    /* Returns the decision in a sentence. */
    function sentence(decided) {
        if (decided.answer === 'refused') { return 'No choice: what these needs ask for is not known well enough.'; }
        if (decided.answer === 'neither') { return `Choose neither one store nor two: ${NOTHING}.`; }
        const first = decided.offers.find((offer) => offer.name === decided.chosen[0]);
        if (decided.chosen.length > 1) { return `Choose ${either(decided.chosen)}: their prices cannot be told apart.`; }
        const draws = first.cheapest === 1 ? 'all draws' : `${percents(first.cheapest, 1)} of the draws`;
        return `Choose ${first.name}: it costs ${money(first)} a month, and is the cheapest in ${draws}.`;
    }

    /* Returns the names of candidates of which one is to be chosen; it is said of each whether it is a pair. */
    function either(names) {
        const isPair = (name) => name.includes(' and '), isMixed = names.some(isPair) && !names.every(isPair);
        return names.map((name) => isMixed ? `${name} ${isPair(name) ? 'together' : 'alone'}` : name).join(', or ');
    }

    /* Returns a number with three digits that count; large ones are written out. */
    const short = (value) => general(Number(general(value, 3).replace(/,/g, '')), 15);

    /* Returns the price of an offer with its interval. */
    function money({ price }) { return `${general(price.middle, 3)} (99%: ${general(price.low, 3)} to ${general(price.high, 3)})`; }

    /* Returns how fast the answers of an offer are known to be. */
    function response({ p95: [low, high], questions }) {
        const apart = Object.keys(questions).length > 1 ? ', each store measured by itself,' : '';
        if (high !== null) { return `95 of 100 answers come within ${general(1000 * high, 3)} ms${apart}`; }
        return `the p95 of response times${apart} is ${low ? `above ${general(1000 * low, 3)} ms` : 'not known'}`;
    }

    /* Returns beyond which value of a need or price another candidate is chosen, and between which bounds it lies. */
    function beyond(flip) {
        const need = LABELS[flip.need] || `weight of ${flip.need}`;
        const [low, high] = [flip.low, flip.high].map((bound) => bound === null ? 'unknown' : short(bound));
        const tried = flip.high === null ? '' : ` (failed at ${high})`, interval = flip.low === flip.high ? '' : ` (99%: ${low} to ${high})`;
        const within = flip.need === 'events_a_second' ? tried : interval;
        const now = flip.now === null ? '' : `, now ${short(flip.now)}`;
        return `${need} ${flip.up ? 'above' : 'below'} ${short(flip.value)}${within}${now}`;
    }

    /* Returns how fresh the answers of a store were during a stream. */
    function freshness(arm, seen) {
        const fresh = seen.high === null ? `only after ${general(seen.low, 3)} s or more` : `within ${general(seen.high, 3)} s`;
        const followed = `${arm} followed ${plain(seen.rate)} events a second through ${seen.broker}, asked ${aSecond(seen.asked)}`;
        return `${followed}: 99 of 100 events were in answers ${fresh}, and ${percents(seen.right, 1)} of the answers meanwhile were right`;
    }

    const flipText = (flip) => `${beyond(flip)}: ${either(flip.chosen) || NOTHING}`;

    Object.assign(choosing, { LABELS, NOTHING, either, scope, sentence, money, response, beyond, flipText, freshness });
}
