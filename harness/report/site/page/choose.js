'use strict';

/* Choose: which store, or which pair of stores, for the needs of the reader. The rule is in the folder choose. */
{
    const { Rule, cards, command, commandOf, differences, evidenceIn, figures, flips, form, needsOf, operations, parameters, scope, sentence, shell } = choosing;

    /* What is on the page: its state, `change`, its form, and the elements that a decision fills. */
    const shown = { state: null, change: null, form: null, parts: null };

    /* Marks the chosen names in a sentence. */
    function marked(text, chosen) {
        const name = chosen.filter((one) => text.includes(one)).sort((one, two) => text.indexOf(one) - text.indexOf(two) || two.length - one.length)[0];
        if (!name) { return [text]; }
        const place = text.indexOf(name);
        return [text.slice(0, place), h('strong', {}, name), ...marked(text.slice(place + name.length), chosen)];
    }

    const WORDS = [
        ['tuned', 'a layout that also has the tables that an expert of the engine would make for these questions. raw has single events; other layouts, such as day, are roll-ups.'],
        ['99%', 'the value lies between these two with 99% confidence.'],
        ['draws', 'random cases of how far the measured figures may be off. Every store is priced in each of them.'],
        ['p95', '95 of 100 answers come within this time.'],
    ];
    const words = () => folded('What these words mean', list(WORDS.map(([word, text]) => [h('b', {}, word), `: ${text}`])));

    function given(run, state) {
        const found = differences(state);
        return found.length ? [`Your needs: ${found.join(' · ')}. `, link(pageAddress('choose', run.summary.name), 'Reset')]
            : ['These needs are the defaults, and the prices are examples: give your own.'];
    }

    /* Fills the page with the decision for the needs of a state. */
    function decide(run, state) {
        const { parts } = shown, needs = needsOf(run, state), fill = (name, ...content) => parts[name].replaceChildren(...content);
        fill('given', ...given(run, state));
        if (!Object.keys(needs.ask).length) {
            ['scope', 'cards', 'charts', 'operations', 'command'].forEach((name) => fill(name));
            fill('decision', 'No question is asked: give one of them a weight above 0.');
            return;
        }
        const rule = new Rule(evidenceIn(run).evidence, needs), decision = rule.choose();
        fill('decision', ...marked(sentence(decision), decision.chosen));
        const since = unique(run.questions.flatMap((question) => question.cells).filter((cell) => cell.changed).map((cell) => engineOf(cell.arm)))
            .filter((engine) => !needs.engines.length || needs.engines.includes(engine));
        const changed = since.length ? ` These adapters have changed since the run: ${since.join(', ')}.` : '';
        const doubts = [run.busy && ` ${run.busy}.`, !run.summary.complete && ' The run is not complete.', changed].filter(Boolean).join('');
        fill('scope', `${scope(rule)}. Measured on ${day(run.header.started)} with the profile ${run.header.profile} on one machine of ${plural(run.header.budget.cores, 'core')}.${doubts}`);
        fill('cards', ...cards(run, rule, decision, flips(rule, decision)));
        fill('charts', ...figures(run, rule, decision).filter((content) => content.length).map((content) => h('div', {}, content)));
        fill('operations', operations(run, rule));
        fill('command', command(commandOf(run, state)));
    }

    function update(run, state, change) {
        if (!run.evidence) { return; }
        Object.assign(shown, { state, change });
        shown.form.show(state);
        decide(run, state);
    }

    function draw(run, state, change) {
        if (!run.evidence) {
            return [h('p', {}, 'This run timed nothing, so that no choice can rest on it. This command makes a run that supports a choice:'),
                command(shell(['rollup-bench', 'run', '--dataset', run.option, '--profile', 'standard']))];
        }
        const parts = {
            decision: h('p', { class: 'decision', role: 'status', 'aria-live': 'polite' }), scope: h('p', { class: 'scope' }), given: h('p', { class: 'scope' }),
            cards: h('div', { class: 'cards' }), charts: h('div', { class: 'charts' }), operations: h('div', {}), command: h('div', {}),
        };
        Object.assign(shown, { parts, state });
        shown.form = form(run, () => shown.state, (other) => shown.change(other), (other) => decide(run, { ...shown.state, ...other }));
        update(run, state, change);
        return [
            h('div', { class: 'answer' }, parts.decision, parts.scope, parts.given, words()),
            h('div', { class: 'choose' }, shown.form.element, parts.cards),
            section('Why', parts.charts), section('What engines demand of those who run them', parts.operations), section('The same in a terminal', parts.command),
        ];
    }

    addPage({ name: 'choose', title: 'Choose', heading: 'Which store for your questions?', parameters, draw, update });
}
