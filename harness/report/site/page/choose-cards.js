'use strict';

/* The cards of a decision: what is best, at what price, what cannot be told apart, what would change it, what is not known. */
{
    const { FAR, NOTHING, aSecond, beyond, drawn, either, freshness, general, median, money, percents, response } = choosing;
    const PARTS = ['memory', 'questions', 'loading', 'disk', 'systems', 'cluster'];
    const NEAREST = 3;
    const KINDS = { 1: ['Best single store', 'single store'], 2: ['Best pair', 'pair'] };
    const card = (title, style, ...content) => h('article', { class: 'card ' + style }, h('h2', {}, title), content);
    const gigabytes = (size) => `${general(size / 1e9, 3)} GB`;
    const paidFor = (offer) => PARTS.filter((name) => name in offer.price.paid).map((name) => `${name} ${general(offer.price.paid[name], 3)}`);
    const named = (name) => name.split(' and ').map((arm, place) => [place ? ' and ' : '', armName(arm)]);

    /* A command with a button that copies it. */
    function command(text) {
        const button = h('button', { type: 'button' }, 'Copy'), shown = h('code', {}, text);
        button.addEventListener('click', () => {
            getSelection().selectAllChildren(shown);
            document.execCommand('copy');
            button.textContent = 'Copied';
        });
        return h('div', { class: 'command' }, shown, button);
    }

    /* Which questions a store of a pair answers, and what the store takes by itself. */
    function storePart(rule, { store, questions }) {
        const copies = rule.needs.replicas, sizes = [
            store.load ? `loads in ${general(median(drawn(store.load)), 3)} s` : 'its load was not measured',
            `${gigabytes((store.bytes || 0) * copies)} on disk`, `${gigabytes((store.memory || 0) * copies)} of memory`,
        ];
        return h('p', { class: 'part' }, h('b', {}, armName(store.arm)), ` answers ${questions.join(', ')}.`, h('br'), small(sizes.join(', ')));
    }

    function best(run, rule, decision, number) {
        const [title, kind] = KINDS[number], cheapest = decision.offers[0];
        const offer = decision.offers.find((one) => Object.keys(one.questions).length === number);
        if (!offer) { return card(title, '', h('p', {}, `No ${kind} is known to serve these needs.`)); }
        const { parts } = rule.candidates().find((one) => one.name === offer.name);
        const times = general(offer.price.middle / cheapest.price.middle, 3), ratio = offer === cheapest ? 'the lowest price' : `${times} times the lowest price`;
        return card(title, decision.chosen.includes(offer.name) ? 'chosen' : '', h('p', { class: 'name' }, named(offer.name)),
            h('p', {}, h('b', {}, general(offer.price.middle, 3)), ' a month ', small(`99%: ${general(offer.price.low, 3)} to ${general(offer.price.high, 3)}; ${ratio}`)),
            number === 2 ? parts.map((part) => storePart(rule, part)) : null,
            h('p', {}, small(`At ${aSecond(rule.needs.rate)}, ${response(offer)}.`)),
            Object.entries(offer.fresh).map(([arm, seen]) => h('p', {}, small(`${freshness(arm, seen)}.`))),
            facts([['Paid for', paidFor(offer).join(', ')], ['Loads in', offer.load_seconds === null ? 'not measured' : `${general(offer.load_seconds, 3)} s${number === 2 ? ', one store after the other' : ''}`],
                ['On disk', gigabytes(offer.disk_bytes)], ['Memory', gigabytes(offer.memory_bytes)]]));
    }

    function apart(decision) {
        const chosen = decision.chosen.map((name) => decision.offers.find((offer) => offer.name === name)), share = (offer) => percents(offer.cheapest, 1);
        const [first] = chosen, next = decision.offers.find((offer) => offer !== first);
        return card('What cannot be told apart', '', chosen.length === 1
            ? [h('p', {}, `Nothing: ${first.name} is the cheapest in ${first.cheapest === 1 ? 'all' : `${share(first)} of the`} draws.`),
                next ? h('p', {}, `Next comes ${next.name}, at ${general(next.price.middle / first.price.middle, 3)} times the price.`) : null]
            : [h('p', {}, 'Each of these may be the cheapest. The percentage is the share of the draws in which it is.'),
                list(chosen.map((offer) => [h('b', {}, share(offer)), ` ${offer.name}, ${money(offer)} a month`])),
                h('p', {}, 'Other grounds have to decide: what the engines demand of those who run them, further down, is one.')]);
    }

    function changes(decision, flips) {
        const items = flips.map((flip) => [beyond(flip), ' → ', h('b', {}, either(flip.chosen) || NOTHING)]), others = items.slice(NEAREST);
        return card('What would change it', 'wide flips', flips.length
            ? [list(items.slice(0, NEAREST)), others.length ? h('details', {}, h('summary', {}, `${plural(others.length, 'value')} further from yours`), list(others)) : null]
            : h('p', {}, decision.chosen.length > 1 ? 'These candidates cannot be told apart, so any of them may be the choice already.'
                : `No need and no price within ${FAR} times of yours.`));
    }

    function unknown(decision) {
        if (!decision.refused.length) { return null; }
        const reasons = (measured) => decision.refused.filter((one) => one.command === measured).map((one) => h('p', {}, one.why, ' ', small(one.what)));
        const remedy = decision.refused.some((one) => one.command) ? ' A command measures what is missing.' : '';
        return card('What is not known', 'wide', h('p', {}, small(`Nothing is chosen that is not known well enough.${remedy}`)),
            unique(decision.refused.map((one) => one.command)).map((measured) => h('div', { class: 'missing' }, reasons(measured), measured ? command(measured) : '')));
    }

    function failing(decision) {
        const single = decision.failing.filter((one) => !one.name.includes(' and '));
        return single.length ? card('What does not serve', 'wide', list(single.map((one) => [h('b', {}, one.name), `: ${one.why}`]))) : null;
    }

    function cards(run, rule, decision, flips) {
        const serving = decision.offers.length
            ? [h('div', {}, best(run, rule, decision, 1), apart(decision)), best(run, rule, decision, 2), changes(decision, flips)] : [];
        return [...serving, unknown(decision), failing(decision)].filter(Boolean);
    }

    Object.assign(choosing, { PARTS, cards, command });
}
