import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';

const bytes = (value: Buffer): Buffer => value;

/** A server of gRPC that answers with its name. */
export class Who {
  private constructor(readonly name: string, readonly address: string, private readonly server: Server) {}

  static async listen(name: string, address: string, port: number): Promise<Who> {
    const server = new Server();
    const path = '/demo.Who/Name';
    server.addService({
      name: {
        path, requestStream: false, responseStream: false,
        requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes,
      },
    }, {
      name: (_call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => callback(null, Buffer.from(name)),
    });
    await new Promise<void>((done, failed) => {
      server.bindAsync(`${address}:${port}`, ServerCredentials.createInsecure(), (error) => (error ? failed(error) : done()));
    });
    return new Who(name, address, server);
  }

  close(): void {
    this.server.forceShutdown();
  }
}
