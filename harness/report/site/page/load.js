'use strict';

/* Under load: the highest rate within the objective, and the response times against the rate, of mixes and questions. */
{
    const best = (view) => view.load && view.load.highest;
    const why = (view) => view.refused ? 'not asked: ' + view.refused : view.load ? view.load.note : '';
    const there = (name) => (view) => best(view) ? seconds(best(view).response && best(view).response[name]) : DASH;

    const figure = (found, text, bound = text) => found ? [text(found.value), small(between(found.interval, bound))] : DASH;
    const columns = (run, alone) => [
        ['Engine and layout', (view) => armName(view.arm)],
        ['Highest rate', (view) => best(view) ? h('b', {}, perSecond(best(view).rate)) : why(view) ? small(why(view)) : DASH],
        ['p50 there', there('p50')], ['p95 there', there('p95')], ['p99 there', there('p99')],
        ['Cores there', (view) => best(view) ? digits(best(view).cores) : DASH],
        ['Most', (view) => view.load && isKnown(view.load.capacity) ? perSecond(view.load.capacity) : DASH],
        ['One client alone', (view) => figure(view.alone, ...alone)],
        ['Processor a request', (view) => figure(view.processor, seconds)],
    ];
    const rates = [
        ['Engine and layout', (one) => one.arm], ['Rate', (one) => perSecond(one.rate)], ['Purpose', (one) => one.load],
        ['Outcome', (one) => one.outcome === 'sustained' ? one.outcome : h('b', {}, one.outcome)],
        ['p50', (one) => seconds(one.response && one.response.p50)], ['p95', (one) => seconds(one.response && one.response.p95)],
        ['p99', (one) => seconds(one.response && one.response.p99)], ['Longest', (one) => seconds(one.maximum)], ['Cores', (one) => digits(one.cores)],
    ];

    /* A mix or a question: what it is, its table, its chart, and all rates that were offered. */
    function part(run, title, story, views, alone) {
        const offered = views.flatMap((view) => (view.load && view.load.offered || []).map((one) => ({ arm: view.arm, ...one })));
        return section(title, h('p', { class: 'lead' }, story), h('div', { class: 'beside' },
            dataTable(`${title}: figures by engine and layout`, views, columns(run, alone)), responseChart(run, `p95 of ${title[0].toLowerCase()}${title.slice(1)}`, views)),
        offered.length ? folded(`All ${offered.length} rates that were offered`, dataTable(`${title}: all rates`, offered, rates)) : null);
    }

    function mixPart(run, mix) {
        const total = Object.values(mix.counts).reduce((sum, one) => sum + one, 0);
        const counts = Object.entries(mix.counts).map(([name, one]) => `${one} ${name}`).join(', ');
        return part(run, `Mix ${mix.name}`, `${mix.story} Of ${total} requests: ${counts}.`, mix.arms, [perSecond, digits]);
    }
    function questionPart(run, question) {
        const views = question.cells.filter((cell) => cell.load).map((cell) => ({
            arm: cell.arm, load: cell.load,
            alone: cell.alone ? { value: cell.alone.median, interval: [cell.alone.low, cell.alone.high] } : null,
            processor: isKnown(cell.processor) ? { value: cell.processor, interval: cell.processor_interval } : null,
        }));
        return part(run, question.name, question.story, views, [seconds]);
    }

    function draw(run) {
        const asked = run.questions.filter((question) => question.cells.some((cell) => cell.load));
        const loaded = asked.length || run.mixes.some((mix) => mix.arms.some((view) => view.load));
        const left = run.questions.filter((question) => !asked.includes(question)).map((question) => question.name);
        return [
            h('p', { class: 'lead' }, 'The highest rate is the one at which p95 of the response time stayed within the objective in a schedule that confirms it, and is longer than that of the search. '
                + 'Response time counts from when a request was due. Only a rate that was sustained has percentiles; at the top of a chart, × is a rate that was not, and ? one whose outcome is not known.'),
            loaded ? legend(run, armsOf(run)) : h('p', { class: 'trouble' }, 'This run put nothing under load: the profiles standard and full do. What it measured of mixes with one client is below.'),
            run.mixes.map((mix) => mixPart(run, mix)), asked.map((question) => questionPart(run, question)),
            loaded && left.length ? h('p', { class: 'note' }, `Never put under load in this run: ${left.join(', ')}.`) : null,
            run.mixes.length || asked.length ? null : h('p', {}, 'This run has no mixes.'),
        ];
    }

    addPage({ name: 'load', title: 'Under load', heading: 'How many questions a second', parameters: () => ({}), draw });
}
