// The binary stream: frames decoded to typed arrays that lie on the bytes as they came.

export type Column = Float64Array | Float32Array | Int32Array | Uint8Array;

export interface Frame<T = unknown> {
  kind: string;
  topic: string;
  number: number;
  cycle: number;
  atNs: bigint;
  data: T;
  columns: Map<string, Column>;
  receivedMs: number;
  bytes: number;
}

interface Header {
  kind: string;
  topic: string;
  number: number;
  cycle: number;
  at_ns: string;
  data: unknown;
  columns: { name: string; type: string; length: number }[];
}

const MAGIC = 0x314b4246; // FBK1, little endian
const HEAD = 8;
const text = new TextDecoder();

export class FrameError extends Error {}

export function decode(buffer: ArrayBuffer, receivedMs = 0): Frame {
  if (buffer.byteLength < HEAD) throw new FrameError(`a frame has at least ${HEAD} bytes, this has ${buffer.byteLength}`);
  const view = new DataView(buffer);
  if (view.getUint32(0, true) !== MAGIC) throw new FrameError('no frame: wrong magic');
  const length = view.getUint32(4, true);
  if ((length + HEAD) % 8 !== 0 || HEAD + length > buffer.byteLength) throw new FrameError(`header of ${length} bytes in ${buffer.byteLength}`);
  const header = JSON.parse(text.decode(new Uint8Array(buffer, HEAD, length))) as Header;
  const columns = new Map<string, Column>();
  let at = HEAD + length;
  for (const { name, type, length: n } of header.columns) {
    const size = type === 'f8' ? 8 : type === 'u1' ? 1 : 4;
    if (!(n >= 0) || at + n * size > buffer.byteLength) throw new FrameError(`column ${name} ends beyond the frame`);
    columns.set(name, columnOf(type, buffer, at, n));
    at += n * size;
    at += (8 - (at % 8)) % 8;
  }
  return {
    kind: header.kind,
    topic: header.topic,
    number: header.number,
    cycle: header.cycle,
    atNs: BigInt(header.at_ns),
    data: header.data,
    columns,
    receivedMs,
    bytes: buffer.byteLength,
  };
}

function columnOf(type: string, buffer: ArrayBuffer, at: number, n: number): Column {
  switch (type) {
    case 'f8':
      return new Float64Array(buffer, at, n);
    case 'f4':
      return new Float32Array(buffer, at, n);
    case 'i4':
      return new Int32Array(buffer, at, n);
    case 'u1':
      return new Uint8Array(buffer, at, n);
    default:
      throw new FrameError(`no column type ${type}`);
  }
}

export type LinkState = 'connecting' | 'live' | 'lost' | 'refused';

export interface LinkEvents {
  frame(frame: Frame): void;
  state(state: LinkState, why: string): void;
}

// A connection that comes back by itself, and says again what it wants.
export class Link {
  private socket: WebSocket | null = null;
  private topics: string[] = [];
  private delay = 250;
  private timer = 0;
  private closed = false;

  constructor(
    private readonly events: LinkEvents,
    private readonly ticket: () => Promise<string>,
  ) {}

  start(): void {
    window.clearTimeout(this.timer);
    if (!this.socket) void this.open();
  }

  want(topics: string[]): void {
    this.topics = topics;
    this.say();
  }

  stop(): void {
    this.closed = true;
    window.clearTimeout(this.timer);
    this.socket?.close();
  }

  private say(): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ subscribe: this.topics }));
  }

  private async open(): Promise<void> {
    this.events.state('connecting', '');
    let ticket: string;
    try {
      ticket = await this.ticket();
    } catch (e) {
      const why = e instanceof Error ? e.message : String(e);
      if ((e as { status?: number }).status === 401) this.events.state('refused', why);
      else this.again(why);
      return;
    }
    if (this.closed) return;
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}/api/v1/stream?ticket=${encodeURIComponent(ticket)}`);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    socket.onopen = () => {
      this.delay = 250;
      this.events.state('live', '');
      this.say();
    };
    socket.onmessage = (message: MessageEvent<ArrayBuffer>) => {
      if (!(message.data instanceof ArrayBuffer)) return;
      this.events.frame(decode(message.data, performance.now()));
    };
    socket.onclose = (close) => this.again(close.reason || 'the desk does not answer');
  }

  private again(why: string): void {
    this.socket = null;
    if (this.closed) return;
    this.events.state('lost', why);
    this.timer = window.setTimeout(() => void this.open(), this.delay);
    this.delay = Math.min(this.delay * 2, 5000);
  }
}
