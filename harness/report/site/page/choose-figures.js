'use strict';

/* The charts of a decision, each with a table of its figures, and what engines demand of those who run them. */
{
    const { PARTS, general, median, percents } = choosing;
    const SHOWN = 8;
    const shadeOf = (name) => `tone-none shade-${PARTS.indexOf(name)}`;
    const key = (name) => [svg('svg', { viewBox: '0 0 12 12', class: 'key', 'aria-hidden': 'true' }, svg('rect', { width: 12, height: 12, class: 'part ' + shadeOf(name) })), ' ' + name];
    const isAllowed = (rule, arm) => !rule.needs.engines.length || rule.needs.engines.includes(engineOf(arm));

    function prices(decision) {
        const { offers } = decision, shown = offers.slice(0, SHOWN), paid = PARTS.filter((name) => offers.some((offer) => name in offer.price.paid));
        if (!offers.length) { return []; }
        const parts = (offer) => paid.filter((name) => name in offer.price.paid)
            .map((name) => ({ name, label: name, value: offer.price.paid[name], look: shadeOf(name) }));
        const bars = shown.map((offer) => ({ name: offer.name, text: general(offer.price.middle, 3), parts: parts(offer) }));
        const figures = dataTable('Stores and pairs that serve', offers, [
            ['Store or pair', (offer) => offer.name], ['A month', (offer) => general(offer.price.middle, 3)],
            ['Price 99%', (offer) => `${general(offer.price.low, 3)} to ${general(offer.price.high, 3)}`],
            ['Cheapest in', (offer) => percents(offer.cheapest, 1)],
            ...PARTS.map((name) => ['For ' + name, (offer) => name in offer.price.paid ? general(offer.price.paid[name], 3) : DASH])]);
        return [barChart({ title: 'Price of a month, by what is paid for', bars, keys: paid.map(key) }), folded('All stores and pairs that serve', figures)];
    }

    function processor(run, rule) {
        const asked = Object.keys(rule.ask), all = asked.reduce((sum, name) => sum + rule.ask[name], 0);
        const found = rule.evidence.stores.filter((store) => isAllowed(rule, store.arm))
            .map(({ arm, ...store }) => ({ arm, answers: asked.map((question) => rule.pricing.stores.answered({ arm, ...store }, question)) }));
        const isWhole = (row) => row.answers.every((answer) => answer.seconds);
        const rows = found.filter(isWhole).map(({ arm, answers }) => {
            const values = answers.map((answer, place) => rule.ask[asked[place]] / all * median(answer.seconds));
            return { arm, values, all: values.reduce((sum, value) => sum + value, 0) };
        }).sort((one, two) => one.all - two.all);
        const parts = (row) => asked.map((name, place) => ({
            name, label: String(place + 1), value: row.values[place], look: `${toneOf(engineOf(row.arm))} shade-${place % 2 ? 3 : 1}`,
        }));
        const why = ({ arm, answers }) => {
            const place = answers.findIndex((answer) => !answer.seconds);
            return `${arm}: ${asked[place]}: ${answers[place].why}`;
        };
        if (!rows.length) { return []; }  // the card of what is not known says why
        const left = found.filter((row) => !isWhole(row));
        return [
            barChart({
                title: `Processor time of the mean${rule.needs.unforeseen ? ' foreseen' : ''} question`,
                bars: rows.map((row) => ({ name: row.arm, text: seconds(row.all), parts: parts(row) })), keys: asked.map((name, place) => `${place + 1} ${name}`),
            }),
            folded('The figures of these bars', dataTable('Processor time by question', [...asked.keys(), null],
                [['Question', (place) => place === null ? 'in all' : asked[place]],
                    ...rows.map((row) => [row.arm, (place) => seconds(place === null ? row.all : row.values[place])])])),
            left.length ? [h('p', { class: 'note' }, 'Not shown, as a question has no figure that supports a choice:'), list(left.map(why))] : null,
        ];
    }

    function underLoad(run, rule) {
        const { needs } = rule, { mix } = rule.pricing.speed, mixed = run.mixes.find((one) => one.name === mix), question = run.questions.find((one) => one.name === mix);
        const views = (mixed ? mixed.arms : question ? question.cells : []).filter((view) => view.load && isAllowed(rule, view.arm));
        const limit = needs.p95_ms ? { value: needs.p95_ms / 1000, text: `you need ${seconds(needs.p95_ms / 1000)}` } : null;
        const chart = responseChart(run, `p95 against the rate, ${mix}`, views, { limit, place: { value: needs.rate, text: 'your rate' } });
        const page = link(pageAddress('load', run.summary.name), 'Under load');
        if (!chart) {
            return [h('p', { class: 'caption' }, 'p95 against the rate'),
                h('p', {}, 'This run did not put this mix of questions under load, so that its p95 is not known. The page ', page, ' has what was measured.')];
        }
        const highest = (view) => view.load.highest;
        const drawn = views.filter((view) => view.load.offered && view.load.offered.length), left = views.filter((view) => !drawn.includes(view));
        return [chart, legend(run, drawn.map((view) => view.arm)),
            left.map((view) => h('p', { class: 'note' }, `Not drawn: ${view.arm}: ${view.load.note}.`)),
            h('p', { class: 'note' }, '× is a rate that was not sustained, ? one whose outcome is not known. The page ', page, ' has all rates.'),
            folded('The figures of this chart', dataTable('Highest rates', views, [['Engine and layout', (view) => view.arm],
                ['Highest rate within the objective', (view) => highest(view) ? perSecond(highest(view).rate) : view.load.note || DASH],
                ['p95 there', (view) => highest(view) ? seconds(highest(view).response && highest(view).response.p95) : DASH]]))];
    }

    function operations(run, rule) {
        if (!run.operations.length) { return noOperations(); }
        const memory = (one) => Object.values(one.memory), idle = (one) => memory(one).length ? memory(one).reduce((sum, each) => sum + each, 0) : one.added, none = (items, content) => items.length ? content : 'none';
        return dataTable('What engines demand of those who run them', run.operations.filter((one) => isAllowed(rule, one.engine)), [
            ['Engine', (one) => h('span', { class: 'arm' }, h('i', { class: 'swatch ' + toneOf(one.engine) }), one.engine)],
            ['Processes', (one) => none(memory(one), [count(memory(one).length), small(Object.keys(one.memory).join(', '))])],
            ['Idle memory', (one) => isKnown(idle(one)) ? bytes(idle(one)) : DASH],
            ['Recovery', (one) => isKnown(one.recovery) ? seconds(one.recovery) : DASH],
            ['Tables', (one) => list(Object.entries(one.tables).map(([layout, names]) => `${layout}: ${names.length}`))],
            ['Settings', (one) => none(one.settings, folded(plural(one.settings.length, 'setting'), list(one.settings)))],
            ['Not SQL', (one) => none(one.steps, list(one.steps))],
        ], 'data work');
    }

    Object.assign(choosing, { figures: (run, rule, decision) => [prices(decision), processor(run, rule), underLoad(run, rule)], operations });
}
