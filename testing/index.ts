/**
 * `meshwright/testing`: a mesh inside a test. The manifests of a program, or of a folder, go through the real control plane's translation into the
 * real proxy, one for each pod, on a network and a clock of the test's own; functions play the applications.
 *
 * ```ts
 * const mesh = await TestMesh.of(app, { services: { payment: () => ({ status: 503 }) } });
 * const answer = await mesh.request('order', 'http://payment/pay');
 * expect(mesh.received('payment').map(({ at }) => at)).toEqual([0, 100, 300, 700]);
 * ```
 */
export { TestResponse, type RequestOptions } from './client';
export type { MeshSource } from './manifests';
export type { Stub, StubAnswer, StubRequest } from './stub-service';
export { TestMesh, type PodView, type RequestEntry, type TestMeshOptions } from './test-mesh';
