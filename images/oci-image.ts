import { gzip, sha256, tar, type Entry } from './archive';

/** What an image is made of; the same of it gives the same digest. */
export interface ImageContent {
  /** Repository and tag that the archive names the image by. */
  readonly reference: string;
  readonly architecture: 'amd64' | 'arm64';
  /** Bottom first. */
  readonly layers: readonly Layer[];
  readonly entrypoint: readonly string[];
  readonly environment?: readonly string[];
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since 1970 of everything in it. */
  readonly epoch: number;
}

/** Packed once, for all images that stand on it. */
export interface Layer {
  readonly comment: string;
  readonly zipped: Buffer;
  /** Digest of what is in it before it is compressed. */
  readonly diffId: string;
}

export async function packLayer(comment: string, entries: readonly Entry[], epoch: number): Promise<Layer> {
  const bytes = await tar(entries, epoch);
  return { comment, zipped: gzip(bytes), diffId: `sha256:${sha256(bytes)}` };
}

export interface Image {
  /** The OCI archive (image-layout 1.0, as a tar file). */
  readonly archive: Buffer;
  /** `sha256:…` of the manifest: what a reference is pinned by. */
  readonly digest: string;
  /** Bytes that a node downloads. */
  readonly compressed: number;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const INDEX = 'application/vnd.oci.image.index.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';

/** Packs an image by the OCI image specification 1.1, which containerd, CRI-O, Podman and Docker import. */
export async function ociImage(content: ImageContent): Promise<Image> {
  const blobs = new Map<string, Buffer>();
  const blob = (mediaType: string, bytes: Buffer): Descriptor => {
    const digest = sha256(bytes);
    blobs.set(`blobs/sha256/${digest}`, bytes);
    return { mediaType, digest: `sha256:${digest}`, size: bytes.length };
  };
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  const created = new Date(content.epoch * 1000).toISOString().replace('.000Z', 'Z');

  const layers = content.layers.map(({ zipped }) => blob(LAYER, zipped));
  const config = blob(CONFIG, json({
    created,
    architecture: content.architecture,
    os: 'linux',
    config: {
      User: content.user,
      Env: ['PATH=/usr/bin', ...content.environment ?? []],
      Entrypoint: content.entrypoint,
      WorkingDir: '/',
      Labels: content.labels,
    },
    rootfs: { type: 'layers', diff_ids: content.layers.map(({ diffId }) => diffId) },
    history: content.layers.map(({ comment }) => ({ created, created_by: comment })),
  }));
  const manifest = blob(MANIFEST, json({ schemaVersion: 2, mediaType: MANIFEST, config, layers, annotations: content.labels }));
  const name = fullName(content.reference);
  const index = json({
    schemaVersion: 2,
    mediaType: INDEX,
    // Named twice, by tag and by digest: a runtime that has imported it, and looks for what the SDK pins, asks for the second.
    manifests: [name, `${name.slice(0, name.lastIndexOf(':'))}@${manifest.digest}`].map((reference) => ({
      ...manifest,
      platform: { architecture: content.architecture, os: 'linux' },
      // Podman and the specification read the first, containerd the second.
      annotations: { 'org.opencontainers.image.ref.name': reference, 'io.containerd.image.name': reference },
    })),
  });
  const archive = await tar([
    { path: 'oci-layout', content: json({ imageLayoutVersion: '1.0.0' }) },
    { path: 'index.json', content: index },
    ...[...blobs].map(([path, bytes]) => ({ path, content: bytes })),
  ], content.epoch);
  return { archive, digest: manifest.digest, compressed: layers.reduce((sum, { size }) => sum + size, config.size + manifest.size) };
}

/** `meshwright/proxy:1` is Docker Hub's, as every runtime understands it. */
export function fullName(reference: string): string {
  const [first] = reference.split('/');
  return /[.:]|^localhost$/.test(first) && reference.includes('/') ? reference : `docker.io/${reference}`;
}
