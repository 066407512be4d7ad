'use strict';

/* Numbers as Python writes them, so that texts are the same here and in the terminal. All numbers are 0 or more. */
{
    /* Returns `write(value)`, where a value halfway between two texts becomes the one with the even last digit. `kept` is
       the number of digits that the text keeps. */
    function halfEven(value, kept, write) {
        const exact = value.toExponential(60).split('e')[0].replace('.', '').replace(/0+$/, '');
        const isDown = exact.length === kept + 1 && exact[kept] === '5' && Number(exact[kept - 1] || 0) % 2 === 0;
        return write(isDown ? value * (1 - Number.EPSILON) : value);
    }
    const exponentOf = (text) => Number(text.split('e')[1]);
    const withoutZeros = (text) => text.includes('.') ? text.replace(/\.?0+$/, '') : text;
    const grouped = (text) => text.replace(/^\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ','));

    /* Writes so many digits after the point: `{:,.0f}` is fixed(value, 0), `{:.1f}` is fixed(value, 1) below 1,000. */
    function fixed(value, digits) {
        if (!Number.isFinite(value)) { return 'inf'; }
        return grouped(halfEven(value, exponentOf(value.toExponential()) + 1 + digits, (one) => one.toFixed(digits)));
    }

    /* Writes so many significant digits: `{:,.3g}` is general(value, 3), and `{:g}` is general(value) below 1,000. */
    function general(value, digits = 6) {
        if (!Number.isFinite(value)) { return 'inf'; }
        return halfEven(value, digits, (one) => {
            const [text, power] = [one.toExponential(digits - 1), exponentOf(one.toExponential(digits - 1))];
            if (power >= -4 && power < digits) { return grouped(withoutZeros(one.toPrecision(digits))); }
            const sign = power < 0 ? '-' : '+', size = String(Math.abs(power)).padStart(2, '0');
            return `${withoutZeros(text.split('e')[0])}e${sign}${size}`;
        });
    }
    const plain = (value) => general(value).replace(/,/g, '');
    const percents = (share, digits = 0) => fixed(100 * share, digits) + '%';
    const whole = (value) => fixed(value, 0).replace(/,/g, '');

    /* Returns a rate of questions in words. */
    const aSecond = (rate) => `${rate === 1 ? '1 question' : `${plain(rate)} questions`} a second`;

    /* Quotes words for a shell, as shlex.join does. */
    const shell = (words) => words.map((word) =>
        word && !/[^\w@%+=:,./-]/.test(word) ? word : `'${word.replace(/'/g, `'"'"'`)}'`).join(' ');

    Object.assign(choosing, { aSecond, fixed, general, plain, percents, whole, shell });
}
