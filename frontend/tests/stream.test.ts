import { describe, expect, it } from 'vitest';
import { FrameError, decode } from '../src/stream';

function frame(header: object, columns: ArrayBuffer[], magic = 'FBK1'): ArrayBuffer {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil((text.length + 8) / 8) * 8 - 8;
  const padded = columns.map((each) => Math.ceil(each.byteLength / 8) * 8);
  const out = new Uint8Array(8 + length + padded.reduce((a, b) => a + b, 0));
  out.set(new TextEncoder().encode(magic));
  new DataView(out.buffer).setUint32(4, length, true);
  out.fill(32, 8, 8 + length);
  out.set(text, 8);
  let at = 8 + length;
  columns.forEach((each, n) => {
    out.set(new Uint8Array(each), at);
    at += padded[n] ?? 0;
  });
  return out.buffer;
}

const head = { kind: 'class', topic: 'class:SPX', number: 7, cycle: 99, at_ns: '1799246385001658212', data: { spot: null } };

describe('decode', () => {
  it('gives every column as the type that was sent, without a copy', () => {
    const strikes = new Float64Array([4900.5, NaN, 5000]);
    const sizes = new Int32Array([1, -2, 3]);
    const codes = new Uint8Array([9, 8, 7]);
    const raw = frame(
      {
        ...head,
        columns: [
          { name: 'theo', type: 'f8', length: 3 },
          { name: 'size', type: 'i4', length: 3 },
          { name: 'reason', type: 'u1', length: 3 },
          { name: 'none', type: 'f4', length: 0 },
        ],
      },
      [strikes.buffer, sizes.buffer, codes.buffer, new ArrayBuffer(0)],
    );
    const told = decode(raw, 5);
    expect(told.columns.get('theo')).toEqual(strikes);
    expect(told.columns.get('size')).toEqual(sizes);
    expect(told.columns.get('reason')).toEqual(codes);
    expect(told.columns.get('none')).toHaveLength(0);
    expect(told.columns.get('theo')?.buffer).toBe(raw);
  });

  it('keeps nanoseconds whole, and null as null', () => {
    const told = decode(frame({ ...head, columns: [] }, []));
    expect(told.atNs).toBe(1799246385001658212n);
    expect(told.data).toEqual({ spot: null });
    expect([told.kind, told.topic, told.number, told.cycle]).toEqual(['class', 'class:SPX', 7, 99]);
  });

  it('refuses what is no frame, or not all of one', () => {
    const whole = frame({ ...head, columns: [{ name: 'theo', type: 'f8', length: 3 }] }, [new Float64Array(3).buffer]);
    expect(() => decode(new ArrayBuffer(4))).toThrow(FrameError);
    expect(() => decode(frame({ ...head, columns: [] }, [], 'FBK2'))).toThrow('magic');
    expect(() => decode(whole.slice(0, whole.byteLength - 8))).toThrow('beyond');
    expect(() => decode(whole.slice(0, 16))).toThrow(FrameError);
    expect(() => decode(frame({ ...head, columns: [{ name: 'x', type: 'i8', length: 1 }] }, [new ArrayBuffer(8)]))).toThrow('i8');
  });
});
