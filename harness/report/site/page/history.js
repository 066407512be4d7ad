'use strict';

/* History: the stored runs, and what `compare` claims to have changed between them. */
{
    const runLink = (name) => link(pageAddress('compare', name), name);

    function runs() {
        return dataTable('All stored runs', site.runs, [
            ['Run', (one) => runLink(one.name)], ['Day', (one) => day(one.started)], ['Dataset', (one) => `${one.title}, ${plural(one.rows, 'row')}`],
            ['Profile', (one) => one.profile], ['Engines', (one) => one.engines.join(', ')], ['Machine', (one) => `${one.processor}, ${plural(one.cores, 'core')}`],
            ['Complete', (one) => one.complete ? 'yes' : h('b', {}, 'no')],
            ...(site.single ? [] : [['File', (one) => link(fileOf(one.name, 'jsonl'), 'jsonl')]])]);
    }

    function changes(title, found) {
        if (!found.compared) { return h('p', {}, `${title}: nothing could be compared.`); }
        const rows = [...found.claimed].sort((one, other) => other.claim.ratio - one.claim.ratio);
        const words = `${title}: of ${plural(found.compared, 'cell')} in both runs, ${found.claimed.length || 'none'} changed. `
            + `The median ratio, ${digits(found.common)}, was taken out first, since the machine may cause it.`;
        return [h('p', {}, words), rows.length ? dataTable(title, rows, [
            ['Question', (row) => row.question], ['Engine and layout', (row) => row.arm], ['Caches', (row) => row.cache],
            ['Before', (row) => seconds(row.before)], ['After', (row) => seconds(row.after)],
            ['Ratio', (row) => [times(row.claim.ratio), small(between([row.claim.low, row.claim.high], digits))]], ['Outcome', (row) => row.claim.outcome]]) : null];
    }

    function draw() {
        const found = site.comparisons.map((one) => section(null, h('h3', {}, 'From ', runLink(one.before), ' to ', runLink(one.after)),
            changes('Times', one.times), changes('Processor times', one.processor)));
        return [
            runs(),
            section('Changes that are claimed', h('p', { class: 'lead' }, 'Each run is compared with the next one about the same events on the same machine, as ',
                h('code', {}, 'rollup-bench compare'), ' does. Only differences beyond the noise of both runs are claimed.'),
            found.length ? found : h('p', {}, 'No two stored runs timed the same events on the same machine.')),
            site.single ? null : section('Raw data by commit', h('p', {}, 'asv (airspeed velocity) draws figures of runs against commits: ',
                link('asv/index.html#/', 'grid'), ', ', link('asv/index.html#/summarylist', 'list'), ', ', link('asv/index.html#/regressions', 'regressions'), '.'),
            h('p', {}, 'asv knows neither noise nor machine; of its regressions, only those that a comparison above claims are listed. Its pages need a server: ',
                h('code', {}, 'make preview'), ' starts one.')),
        ];
    }

    addPage({ name: 'history', title: 'History', heading: 'Stored runs, and what changed between them', parameters: () => ({}), draw });
}
