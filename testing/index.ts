/**
 * `meshwright/testing`: a mesh inside a test. The manifests of a program, or of a folder, go through the real control plane's translation into the
 * real proxy, one for each pod, on a network and a clock of the test's own; functions play the applications.
 *
 * ```ts
 * const mesh = await TestMesh.of(app, { services: { payment: () => ({ status: 503 }) } });
 * const answer = await mesh.request('order', 'http://payment/pay');
 * expect(mesh.received('payment').map(({ at }) => at)).toEqual([0, 100, 300, 700]);
 *
 * mesh.stub('quotes', grpcStub({ 'shop.v1.Quotes/Get': () => ({ code: GrpcCode.UNAVAILABLE }) }));
 * expect(await mesh.grpc('order', 'http://quotes/shop.v1.Quotes/Get')).toMatchObject({ code: GrpcCode.UNAVAILABLE });
 *
 * mesh.stub('db', tcpStub({ data: (connection) => connection.send('ready') }));
 * const connection = mesh.connect('order', 'db');
 * connection.send('begin');
 * expect(String(await mesh.wait(connection.read(5)))).toBe('ready');
 * ```
 */
export { TestResponse, type RequestOptions } from './client';
export type { MeshSource } from './manifests';
export { GrpcCode, grpcStub, type GrpcAnswer, type GrpcCall, type GrpcMethod, type GrpcOptions, type GrpcReply } from './grpc';
export type { AnyStub, Stub, StubAnswer, StubRequest } from './stub-service';
export { TcpStub, TestConnection, tcpStub, type TcpHandler } from './tcp';
export type { PodView, RequestEntry } from './request-entry';
export { TestIssuer } from './test-issuer';
export { TestMesh, type TestMeshOptions } from './test-mesh';
