'use strict';

/* Method: on what these figures rest, and what they leave out. */
{
    function machine(run) {
        const { machine: one, budget, versions, profile, seed, started } = run.header;
        return facts([
            ['Machine', `${one.processor}, ${plural(one.cores, 'core')}, ${bytes(one.memory)}, ${one.kernel}`],
            ['Versions', Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')],
            ['Budget', `${plural(budget.cores, 'core')} and ${bytes(budget.memory)} for each engine`],
            ['Run', `${run.lasted || day(started)}; profile ${profile}, seed ${seed}`],
            ['Events', `${run.summary.title}, ${plural(run.header.rows, 'row')}`],
        ]);
    }

    function draw(run) {
        const missing = run.header.scope.filter((one) => one.startsWith('not measured')), scope = run.header.scope.filter((one) => !missing.includes(one));
        const cells = run.questions.flatMap((question) => question.cells), drifting = cells.filter((cell) => cell.drifts), timed = cells.filter((cell) => cell.time);
        const changed = unique(cells.filter((cell) => cell.changed).map((cell) => engineOf(cell.arm)));
        const trouble = troubles(run);
        return [
            section('Where and what', machine(run)),
            section('Scope', list([...scope, 'one client machine, which is also the server: clients and engines share its cores'])),
            section('What was never measured', list([...missing, 'freshness of answers while events arrive, and the price of corrections', 'other numbers of events than this one'])),
            section('Noise', h('p', {}, run.noise + '.'), timed.length ? h('p', {}, `Of ${plural(timed.length, 'timed cell')}, ${drifting.length || 'none'} still changed while `
                + 'they were measured; such cells support no claim.') : null,
            drifting.length ? folded('These cells', list(drifting.map((cell) => `${cell.question} on ${cell.arm}`))) : null),
            section('Faults', trouble.length ? list(trouble) : h('p', {}, 'The run is complete, and no arm dropped out.'),
                changed.length ? h('p', {}, `The adapters of ${changed.join(', ')} have changed since this run.`) : null),
            section('How it is measured', h('p', {}, 'In each round, every question is asked of all arms in a random order and then in the opposite order. One arm is measured under two names; '
                + 'how far their times differ is the noise floor. A difference is claimed only if its 99% interval lies beyond the noise floor, at a false discovery rate of 1% over all pairs. '
                + 'Medians and intervals are over launches.'),
            h('p', {}, site.single ? '' : [link('glossary.html', 'Glossary: what every word on these pages means'), '. '], 'In the repository, docs/method.md has the details.')),
            site.single ? null : section('The file of this run', h('p', {}, 'All figures are computed from it, with all raw samples: ',
                h('a', { href: fileOf(run.summary.name, 'jsonl'), download: true }, `${run.summary.name}.jsonl`), '. ', h('code', {}, 'rollup-bench show FILE'), ' prints it.')),
        ];
    }

    addPage({ name: 'method', title: 'Method', heading: 'On what these figures rest', parameters: () => ({}), draw });
}
