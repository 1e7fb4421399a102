// A server of gRPC, as the application of a pod: answers with the address that it was given.
import { Server, ServerCredentials } from '@grpc/grpc-js';

const bytes = (value) => value;
const server = new Server();
server.addService({
  name: {
    path: '/demo.Who/Name', requestStream: false, responseStream: false,
    requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes,
  },
}, { name: (_call, callback) => callback(null, Buffer.from(process.env.HOST)) });
server.bindAsync(`${process.env.HOST}:${process.env.PORT}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
process.on('SIGTERM', () => server.tryShutdown(() => process.exit(0)));
