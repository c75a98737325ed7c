import { describe, expect, it } from 'vitest';
import { age, clock, day, fixed, full, instant, percent, placesOf, scaled, short } from '../src/format';

describe('numbers', () => {
  it('show what does not exist as a dash, never as 0', () => {
    for (const none of [null, undefined, NaN, Infinity, -Infinity]) {
      expect([short(none), scaled(none, 1000), fixed(none, 2), percent(none), full(none), age(none)]).toEqual(Array(6).fill('–'));
    }
  });

  it('have three significant digits at a glance', () => {
    expect([0, 0.1234, 1.234, 12.34, 123.4, 1234, 12345, 999_500, 1.5e6, -2.25e9].map((each) => short(each))).toEqual(['0', '0.12', '1.23', '12.3', '123', '1.23k', '12.3k', '1.00M', '1.50M', '−2.25B']);
  });

  it('carry a sign where it is asked for, and none at 0', () => {
    expect([short(5, true), short(-5, true), short(0, true), short(-0.001, true), fixed(-0.004, 2), scaled(-0.4, 1000)]).toEqual(['+5.00', '−5.00', '0', '0.00', '0.00', '0.00']);
  });

  it('stand in the unit of their column', () => {
    expect([scaled(1234.5, 1000), scaled(-14_100, 1000), scaled(210_000, 1000), scaled(1_234_567_000, 1000)]).toEqual(['+1.23', '−14.1', '+210', '+1,234,567']);
  });

  it('are whole for who hovers', () => {
    expect(full(-12345.678, 'USD')).toBe('−12,345.678 USD');
    expect(percent(0.857)).toBe('86 %');
    expect(fixed(5012.25, 2)).toBe('5,012.25');
  });

  it('keep every tick of a price', () => {
    expect([1, 4, 10, 20, 100, 10_000, 32].map(placesOf)).toEqual([0, 2, 1, 2, 2, 4, 5]);
  });
});

describe('times', () => {
  it('come from nanoseconds without losing one', () => {
    expect(clock('1799246385112658212', true)).toBe('14:39:45.112');
    expect(instant(1799246385112658212n)).toBe('2027-01-06 14:39:45.112 UTC');
    expect(day('1799246385112658212')).toBe('6 Jan 27');
  });

  it('tell an age in the unit that fits', () => {
    expect([0.04, 9.94, 61, 119, 121, 7300].map(age)).toEqual(['0.0 s', '9.9 s', '61 s', '119 s', '2 min', '2 h']);
  });
});
