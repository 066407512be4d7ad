'use strict';

/* Real time: how fresh answers are while a stream of events is written, what asking costs then, and the brokers. */
{
    const armsOfStreams = (file) => ({ questions: file.arms.map((one) => ({ cells: [{ arm: one.arm }] })) });  // as of a run, for colours
    const bounds = ({ low, high }) => !isKnown(high) ? `above ${seconds(low)}` : low > high / 20 ? `${seconds(low)} to ${seconds(high)}` : `up to ${seconds(high)}`;
    const lag = (exceeding) => (one) => {
        const found = one.lags.find((each) => Math.abs(each.share - exceeding) < 1e-9);
        return found ? bounds(found) : DASH;
    };

    function freshness(file) {
        const known = armsOfStreams(file);
        const drawn = file.arms.filter((one) => one.lags.length && one.lags.every((each) => isKnown(each.high)));
        return h('div', { class: 'beside' }, dataTable(`Freshness: ${file.name}`, file.arms, [
            ['Engine and layout', (one) => h('span', {}, armName(one.arm), one.bridged ? small('by a bridge') : null)],
            ['Half of the events', lag(0.5)], ['95 of 100', lag(0.05)], ['99 of 100', lag(0.01)],
            ['Lost', (one) => count(one.lost)], ['Doubled', (one) => count(one.doubled)],
            ['Right at the end', (one) => one.wrong.length ? `not ${one.wrong.join(', ')}` : 'all questions'],
            ['No freshness', (one) => one.void || DASH],
            ['Killed in each stream', (one) => one.killed ? [one.killed, small(`caught up after ${isKnown(one.caught_up) ? seconds(one.caught_up) : 'never'}`)] : DASH]]),
        lineChart({ title: 'Share of the events that no answer has yet', xTitle: 'seconds since they were due, at most', xText: digits, yText: percent,
            yMarks: [0.5, 0.2, 0.1, 0.05, 0.02, 0.01],
            series: drawn.map((one) => ({ name: one.arm, look: lookOf(known, one.arm), signs: [], points: one.lags.map((each) => [Math.max(each.high, 1e-3), each.share]) })) }));
    }

    /* Returns a figure of each process, in one text. */
    function parts(figures, text) { return Object.entries(figures).map(([part, value]) => `${part} ${text(value)}`).join(', '); }

    function asking(file) {
        return dataTable(`Asking: ${file.name}`, file.arms, [
            ['Engine and layout', (one) => armName(one.arm)],
            ['p50 while written', (one) => seconds(one.writing[0])], ['p50 afterwards', (one) => seconds(one.quiet[0])],
            ['p95 while written', (one) => seconds(one.writing[1])], ['p95 afterwards', (one) => seconds(one.quiet[1])],
            ...['right', 'torn', 'went back', 'wrong', 'failed'].map((kind) => [kind[0].toUpperCase() + kind.slice(1), (one) => count(one.kinds[kind] || 0)]),
            ['Published', (one) => one.published.map(seconds).join(', p99 ')],
            ['Processor seconds for a million events', (one) => parts(one.processor, digits)],
            ['Written to disk for an event', (one) => Object.keys(one.written).length
                ? [parts(one.written, bytes), small(`its message has ${bytes(one.message)}`)] : DASH],
            ['Memory of the follower', (one) => one.resident ? one.resident.map(bytes).join(', at the end ') : DASH]]);
    }

    function streams(file) {
        const { header } = file, launches = Math.max(0, ...file.arms.map((one) => one.launches));
        const times = header.live ? 'events of now' : 'events with times of their own';
        const late = header.late ? `, ${percent(header.late)} of them late` : '';
        const killed = unique(file.arms.map((one) => one.killed).filter(Boolean)).map((one) => `, the ${one} killed in each stream`).join('');
        return section(`${header.dataset} through ${header.broker}, ${count(header.rate)} events a second${killed}`,
            h('p', { class: 'lead' }, `${count(header.events)} ${times}${late}, ${digits(header.asked)} questions a second, each arm launched ${plural(launches, 'time')}; ${day(header.started)}.`),
            legend(armsOfStreams(file), file.arms.map((one) => one.arm)), freshness(file), asking(file),
            file.refused.map((one) => h('p', { class: 'note' }, `${one.arm} did not follow: ${one.reason}.`)));
    }

    /* The highest event rate that each arm keeps up with against the questions that are asked meanwhile. */
    function frontier() {
        if (!site.frontier.length) { return null; }
        const known = armsOfStreams({ arms: site.frontier }), searches = unique(site.frontier.map((one) => [one.machine, one.dataset, one.broker].join(' ')));
        const of = (search) => site.frontier.filter((one) => [one.machine, one.dataset, one.broker].join(' ') === search);
        const chart = (search) => lineChart({ title: `Highest rate of events against the rate of questions: ${search}`, xTitle: 'questions a second', xText: short, yText: perSecond,
            series: unique(of(search).map((one) => one.arm)).map((arm) => ({ name: arm, look: lookOf(known, arm), signs: [],
                points: of(search).filter((one) => one.arm === arm && isKnown(one.met)).map((one) => [one.asked, one.met]) })).filter((one) => one.points.length) });
        return section('How many events, while how many questions?',
            h('p', { class: 'lead' }, 'The highest rate of events that a store keeps up with, while questions are asked at a rate. It keeps up if 99 of 100 events are visible within 5 s, '
                + '95 of 100 answers come within a second, as many are right, nothing is lost or doubled, and all answers are right at the end. Rates grow fourfold until one is missed, and two between the last two are tried. Where messages could not be sent in time, a rate counts as not tried.'),
            legend(known, unique(site.frontier.map((one) => one.arm))),
            h('div', { class: 'beside' }, dataTable('The highest event rates', site.frontier, [
                ['Engine and layout', (one) => armName(one.arm)], ['Stream', (one) => [one.dataset, small(`through ${one.broker}, ${one.machine}`)]],
                ['Questions', (one) => perSecond(one.asked)], ['Kept up with', (one) => isKnown(one.met) ? perSecond(one.met) : 'none that was tried'],
                ['Missed', (one) => isKnown(one.missed) ? perSecond(one.missed) : 'none that was tried']]),
            h('div', {}, searches.map(chart))));
    }

    /* What probes have seen of the brokers: a row for each capability, a column for each broker. */
    function brokers() {
        const names = Object.keys(site.brokers), rows = names.length ? site.brokers[names[0]] : [];
        const outcome = (name, capability) => site.brokers[name].find((one) => one.capability === capability);
        const told = ({ holds, seen }) => h('span', {}, h('strong', {}, holds ? 'yes' : 'no'), `: ${seen}.`);
        return [h('p', {}, code('Each answer was tried on a broker that ran, with its client for Python, unless it says “not tried”: `rollup-bench probe kafka`.')),
            dataTable('What was tried of the brokers', rows, [['Question', (row) => row.question],
                ...names.map((name) => [name, (row) => outcome(name, row.capability) ? told(outcome(name, row.capability)) : DASH])])];
    }

    /* Delays of the brokers by themselves; the marks of lines tell the broker. */
    function delays() {
        const files = unique(site.delays.map((one) => one.name)), of = site.delays.filter((one) => one.name === files[0]);  // the charts show one file
        const names = unique(of.map((one) => one.broker)), look = (name) => `tone-${names.indexOf(name)} style-1`;
        const series = (which, place) => names.map((name) => ({ name, look: look(name), signs: [],
            points: of.filter((one) => one.broker === name).map((one) => [one.rate, one[which][place]]) }));
        if (!names.length) { return null; }
        return [h('h3', {}, 'How long a message takes'), h('p', { class: 'lead' }, 'The same events through each broker by itself, one producer and one consumer, from when a message was due; medians over launches.'),
            h('div', { class: 'beside' }, dataTable('How long a message takes', site.delays, [['Broker', (one) => one.broker], ['Rate', (one) => perSecond(one.rate)],
                ['Acknowledged', (one) => [seconds(one.published[0]), small('p99 ', seconds(one.published[1]))]],
                ['Read', (one) => [seconds(one.received[0]), small('p99 ', seconds(one.received[1]))]],
                ['Sent late', (one) => ['p99 ', seconds(one.sent[1])]], ['Launches', (one) => count(one.launches)]]),
            h('div', {}, h('ul', { class: 'legend' }, names.map((name) => h('li', {}, h('i', { class: 'swatch ' + look(name) }), name))),
                lineChart({ title: 'p99 from when a message was due until it is read', xTitle: 'messages a second', xText: short, yText: seconds, series: series('received', 1) })))];
    }

    function draw() {
        return [
            h('p', { class: 'lead' }, 'Events are sent at instants fixed beforehand while questions are asked, and every answer is checked against the events that it can contain. '
                + 'An event becomes visible between two answers, so each time lies between two bounds; they hold in every launch.'),
            site.streams.length || site.single ? site.streams.map(streams) : h('p', {}, code('No streams are stored yet: `rollup-bench follow` measures some.')),
            frontier(), section('Kafka or Pulsar?', brokers(), delays()),
        ];
    }

    addPage({ name: 'streams', title: 'Real time', heading: 'How fresh answers are while events arrive', parameters: () => ({}), draw });
}
