import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import type { Frame, Sample } from './samples';

/** Where a moment was spent. */
export interface Place {
  readonly room: string;
  /** Of the function; of the kernel, of the call into it. */
  readonly name: string;
}

/** Folders of `runtime/proxy`, by what they are to a request; the first that a source's path has. */
const ROOMS: readonly (readonly [string, string])[] = [
  ['runtime/proxy/http1/', 'HTTP/1.1: heads and bodies'],
  ['runtime/proxy/http2/', 'HTTP/2: frames and header blocks'],
  ['runtime/proxy/listener/', 'listener: downstream connections'],
  ['runtime/proxy/router/upstream', 'router: upstream connections and pool'],
  ['runtime/proxy/router/cluster-pool', 'router: upstream connections and pool'],
  ['runtime/proxy/router/dialed', 'router: upstream connections and pool'],
  ['runtime/proxy/router/', 'router'],
  ['runtime/proxy/route/', 'route match and edits'],
  ['runtime/proxy/filter/', 'filters'],
  ['runtime/proxy/cluster/', 'balancer, limits, outliers'],
  ['runtime/proxy/observe/', 'access log and statistics'],
  ['runtime/proxy/timer/', 'timers'],
  ['runtime/clock/', 'timers'],
  ['runtime/proxy/transport/', 'transport'],
  ['runtime/proxy/tls/', 'transport'],
  ['runtime/proxy/tcp/', 'TCP proxy'],
];
const OTHER_SCRIPT = 'other JavaScript';
const NATIVE = 'Node and libuv, native';

/** System calls by what they are for; others by their own name. */
const CALLS: Readonly<Record<string, string>> = {
  read: 'receive', readv: 'receive', recvfrom: 'receive', recvmsg: 'receive', write: 'send', writev: 'send', sendto: 'send', sendmsg: 'send',
  epoll_wait: 'wait for events', epoll_pwait: 'wait for events', epoll_pwait2: 'wait for events', epoll_ctl: 'wait for events',
  connect: 'connect and accept', accept4: 'connect and accept', accept: 'connect and accept', socket: 'connect and accept', close: 'close',
  shutdown: 'close', splice: 'splice', futex: 'threads', madvise: 'memory', mmap: 'memory', munmap: 'memory', brk: 'memory',
};
/** The entry of a system call, or what is left of it where the compiler made a jump of the last call. */
const CALL = /^(?:__x64_sys_|__arm64_sys_|ksys_|__sys_|do_)(\w+)\+/;
const COLLECTOR = /Scaveng|MarkCompact|Marking|Sweeper|Heap::|GarbageCollect|Evacuat|Worklist|CollectionBarrier|ConcurrentMark|YoungGeneration|IncrementalMark/;
const COMPILER = /compiler::|maglev::|Turboshaft|TurboFan|Turbofan|baseline::|interpreter::|parsing|Compiler|OptimizedCompilation|RegisterAlloc/;
const CRYPTO = /^(?:SSL_|ssl|ossl_|OPENSSL_|EVP_|CRYPTO_|BIO_|aes|AES_|gcm_|ghash|tls|ASN1|x509|X509|BN_|bn_|EC_|ec|ERR_|sha256|poly1305|ChaCha)/i;
const SCRIPT = /^(?:JS|LazyCompile|Function|Script|Builtin|Eval):[*^~+']*/;

/** Says of samples of our proxy, and of any other program, where they were. */
export class Rooms {
  private readonly map: SourceMap | undefined;

  /** @param mapFile of the bundle of ours; its sources are named as from the repository. */
  constructor(mapFile: string) {
    const text = readOrUndefined(mapFile);
    this.map = text === undefined ? undefined : new SourceMap(JSON.parse(text));
  }

  placeOf({ frames }: Sample): Place {
    const [first] = frames;
    if (inKernel(first)) return kernelPlace(frames);
    const script = this.scriptPlace(first);
    if (script !== undefined) return script;
    // V8's own helpers belong to whom they help: the next script below them.
    if (/Builtins_|^Builtin:|^BytecodeHandler:|^Stub:/.test(first.symbol)) {
      const caller = frames.map((frame) => this.scriptPlace(frame)).find((place) => place !== undefined);
      if (caller !== undefined) return { room: caller.room, name: caller.name };
    }
    const name = nameOf(first.symbol);
    if (COLLECTOR.test(first.symbol)) return { room: 'V8: garbage collection', name };
    if (COMPILER.test(first.symbol)) return { room: 'V8: compilers', name };
    if (CRYPTO.test(first.symbol)) return { room: 'OpenSSL', name };
    if (/libc|ld-linux|\[vdso\]/.test(first.object)) return { room: 'libc', name };
    if (/v8::|Builtins_/.test(first.symbol)) return { room: 'V8: calls between JavaScript and native', name };
    if (/\/node$/.test(first.object)) return { room: NATIVE, name };
    return { room: 'the program', name };
  }

  /** `JS:*forwardRequest /…/proxy.js:31:1207` */
  private scriptPlace({ symbol, object }: Frame): Place | undefined {
    if (!/perf-\d+\.map/.test(object) || !SCRIPT.test(symbol)) return undefined;
    const [, name, file, line, column] = /^\S*?[:*^~+']+(\S*) (\S+?):(\d+):(\d+)/.exec(symbol) ?? [];
    if (file === undefined) return undefined;
    if (file.startsWith('node:')) return { room: 'Node, JavaScript', name: `${name} (${file})` };
    const { originalSource } = (this.map?.findEntry(Number(line) - 1, Number(column) - 1) ?? {}) as { originalSource?: string };
    const source = originalSource?.replace(/^(?:\.\.\/)+/, '') ?? '';
    return { room: ROOMS.find(([folder]) => source.startsWith(folder))?.[1] ?? OTHER_SCRIPT, name: `${name} (${source.replace('runtime/proxy/', '')})` };
  }
}

function inKernel({ object }: Frame): boolean {
  return object.startsWith('[kernel') || object.startsWith('[guest.kernel') || object === '[unknown kernel]';
}

function kernelPlace(frames: readonly Frame[]): Place {
  for (const { symbol } of frames) {
    const call = CALL.exec(symbol)?.[1];
    if (call !== undefined && (call in CALLS || symbol.startsWith('__'))) return { room: `kernel: ${CALLS[call] ?? call}`, name: call };
  }
  return { room: 'kernel: other', name: nameOf(frames[0].symbol) };
}

function nameOf(symbol: string): string {
  return symbol.replace(/\+0x[0-9a-f]+$/, '').replace(/\(.*/, '').slice(0, 60);
}

function readOrUndefined(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
