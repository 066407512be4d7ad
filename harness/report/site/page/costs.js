'use strict';

/* Costs and growth: loads, bytes, break-even, and what a request of a mix costs. */
{
    const LONG = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36000, 864000];
    const share = (value, most) => h('span', { class: 'amount', 'aria-hidden': 'true' }, h('i', { style: `width:${100 * value / most}%` }));

    function built(load) {
        const one = load.cost.built;
        return one ? [seconds(one.seconds), small(`${plural(one.rows, 'row')}, ${bytes(one.bytes)}`)] : DASH;
    }
    function paid(load) {
        const one = load.break_even;
        if (!one) { return DASH; }
        const after = one.too_close ? 'too close to say' : one.after === null ? 'never' : `after ${plural(one.after, 'question')}`;
        return [after, small(`${times(one.speedup)} as fast as raw, over ${plural(one.questions, 'question')}`)];
    }

    function loads(run) {
        const longest = Math.max(...run.loads.map((load) => load.cost.seconds)), largest = Math.max(...run.loads.map((load) => load.cost.bytes || 0), 1);
        return dataTable('The loads of all layouts', run.loads, [
            ['Engine and layout', (load) => armName(load.cost.arm)],
            ['Load until settled', (load) => [seconds(load.cost.seconds), share(load.cost.seconds, longest),
                small(load.interval ? `${between(load.interval, seconds)}, ${load.loads} loads` : 'one load', load.cost.reused ? ', the first before this run' : '')]],
            ['Processor of the load', (load) => isKnown(load.cost.processor) ? seconds(load.cost.processor) : 'not measured'],
            ['Events a second', (load) => digits(run.header.rows / load.cost.seconds)],
            ['On disk', (load) => [bytes(load.cost.bytes), share(load.cost.bytes || 0, largest), small(isKnown(load.cost.bytes) ? digits(load.cost.bytes / run.header.rows) + ' bytes an event' : '')]],
            ['Rows stored', (load) => count(load.cost.rows)],
            ['Built beside events', built],
            ['Break-even', paid],
            ['Start of the server', (load) => seconds(load.cost.start_up)],
        ]);
    }

    /* Seconds of the load and of all questions so far, on raw and on the layout, against the number of questions. */
    function breakEvenChart(run, load) {
        const paid = load.break_even, counts = Array.from({ length: 25 }, (_, step) => 10 ** (step / 4));
        const line = (arm, first, each) => ({ name: arm, look: lookOf(run, arm), points: counts.map((number) => [number, first + number * each]), signs: [] });
        const arm = load.cost.arm, raw = `${engineOf(arm)}/raw`;
        const title = `${arm}: ${paid.too_close ? 'too close to say' : paid.after === null ? 'never pays' : `pays after ${plural(paid.after, 'question')}`}`;
        const chart = lineChart({ title, xTitle: 'questions asked', xText: short, yText: duration, yMarks: LONG,
            series: [line(raw, 0, paid.raw_seconds), line(arm, paid.repaid_seconds, paid.layout_seconds)] });
        chart.querySelectorAll('.mark').forEach((one) => one.remove());
        return chart;
    }
    function breakEvens(run) {
        const compared = run.loads.filter((load) => load.break_even);
        return section('When a layout has paid', h('p', { class: 'lead' }, 'What the layout built in addition to the events, and then one question after another, each at the mean of '
            + 'their medians; against raw, which needs no more than its events. The table above has the figures.'),
        compared.length ? [legend(run, unique(compared.flatMap((load) => [`${engineOf(load.cost.arm)}/raw`, load.cost.arm]))),
            h('div', { class: 'charts' }, compared.map((load) => breakEvenChart(run, load)))] : h('p', {}, 'This run timed no question on raw and on another layout of the same engine.'));
    }

    function mixBars(run, mix) {
        const rows = mix.arms.map((view) => ({ arm: view.arm, parts: processorByQuestion(run, mix, view.arm) }));
        const total = (parts) => parts.reduce((sum, part) => sum + part.seconds, 0);
        const most = Math.max(...rows.filter((row) => row.parts).map((row) => total(row.parts)));
        const title = `Processor time of the mix ${mix.name}`;
        if (!Number.isFinite(most)) { return section(title, h('p', {}, 'On no engine, all questions of the mix were asked alone in this run.')); }
        const bar = (row) => stackedBar(row.parts.map((part) => ({ name: part.name, value: part.seconds })), Math.sqrt(total(row.parts) / most), lookOf(run, row.arm), seconds);
        const parts = (row) => list(row.parts.map((part) => `${part.name}: ${seconds(part.seconds)}, ${percent(part.seconds / total(row.parts))}`));
        return section(title, h('p', { class: 'lead' }, 'Seconds of client and engine for one request, each question as often as the mix asks it. '
            + `A bar’s length grows as the square root of the seconds; its parts show the share of each question. The parts of a bar are, from the left: ${Object.keys(mix.counts).join(', ')}.`),
        h('div', { class: 'bars' }, rows.map((row) => h('div', {}, h('span', {}, armName(row.arm)), row.parts ? bar(row) : h('span', {}, 'a question of the mix was not measured'),
            h('span', {}, row.parts ? seconds(total(row.parts)) : DASH)))),
        folded('The figures of these bars', dataTable(`Processor time of ${mix.name}`, rows.filter((row) => row.parts), [
            ['Engine and layout', (row) => row.arm], ['Processor a request', (row) => seconds(total(row.parts))], ['By question', parts]])));
    }

    function draw(run) {
        return [
            h('p', { class: 'lead' }, `What it takes to store ${plural(run.header.rows, 'event')} so that questions can be asked, and what questions cost.`),
            run.loads.length ? loads(run) : h('p', {}, 'This run records no loads.'),
            breakEvens(run), run.mixes.map((mix) => mixBars(run, mix)),
            section('Growth', h('p', {}, 'A run has one number of events. How loads, bytes and times grow with events is printed by ', h('code', {}, 'python -m experiments.growth'),
                '; what a question costs that nobody foresaw, by ', h('code', {}, 'python -m experiments.new_question'),
                '. How fresh answers are while events arrive, and what corrections cost, is not in this run.')),
        ];
    }

    addPage({ name: 'costs', title: 'Costs and growth', heading: 'What it costs to store and to ask', parameters: () => ({}), draw });
}
