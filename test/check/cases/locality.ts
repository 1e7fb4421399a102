import { graph, meshNode, region, service } from '../builders';
import type { Case } from './case';

const mesh = meshNode({ regions: [region('eu-west'), region('us-east')] });
const detection = { consecutiveServerErrors: 5, interval: '10s', baseEjectionDuration: '30s', maxEjectionDuration: '300s', maxEjectionPercent: 50 };
const local = (...failover: string[]) => ({ preferLocal: { failover, healthyPercent: 70 } });
const ledger = (spec: NonNullable<Parameters<typeof service>[1]>['spec']) => graph(mesh, service('ledger', { spec: { outlierDetection: detection, ...spec } }));

export const LOCALITY: readonly Case[] = [
  {
    code: 'MW122',
    name: 'failover that sees no errors',
    path: 'shop/ledger',
    fires: ledger({ outlierDetection: undefined, regions: ['eu-west', 'us-east'], locality: local('us-east') }),
    silent: ledger({ regions: ['eu-west', 'us-east'], locality: local('us-east') }),
  },
  {
    code: 'MW123',
    name: 'failover to where it does not run',
    path: 'shop/ledger',
    fires: ledger({ regions: ['eu-west'], locality: local('us-east') }),
    silent: ledger({ regions: ['eu-west', 'us-east'], locality: local('us-east') }),
  },
  {
    code: 'MW124',
    name: 'failover to no region of the mesh',
    path: 'shop/ledger',
    fires: ledger({ regions: ['eu-west', 'us-east'], locality: { geohash: { header: 'x-geohash', failover: ['us-west'], healthyPercent: 70 } } }),
    silent: ledger({ regions: ['eu-west', 'us-east'], locality: { geohash: { header: 'x-geohash', failover: ['us-east'], healthyPercent: 70 } } }),
  },
  {
    code: 'MW124',
    name: 'a service in no region of the mesh',
    path: 'shop/ledger',
    fires: graph(service('ledger', { spec: { regions: ['eu-west'] } })),
    silent: graph(mesh, service('ledger', { spec: { regions: ['eu-west'] } })),
  },
  {
    code: 'MW125',
    name: 'two regions and nowhere to go',
    path: 'shop/ledger',
    fires: ledger({ regions: ['eu-west', 'us-east'], locality: local() }),
    silent: ledger({ regions: ['eu-west', 'us-east'], locality: local('eu-west', 'us-east') }),
  },
  {
    code: 'MW134',
    name: 'a ring in each region',
    path: 'shop/ledger',
    fires: ledger({ regions: ['eu-west', 'us-east'], locality: local('us-east'), loadBalancer: { ringHash: { key: { header: 'x-user' }, minRingSize: 1024 } } }),
    silent: ledger({ regions: ['eu-west', 'us-east'], loadBalancer: { ringHash: { key: { header: 'x-user' }, minRingSize: 1024 } } }),
  },
  {
    code: 'MW136',
    name: 'a zone in two regions',
    path: 'shop/mesh',
    fires: graph(meshNode({ regions: [region('eu-west', ['a', 'b']), region('eu-north', ['b'])] })),
    silent: graph(meshNode({ regions: [region('eu-west', ['a', 'b']), region('eu-north', ['c'])] })),
  },
  {
    code: 'MW136',
    name: 'a geohash in two regions',
    path: 'shop/mesh',
    fires: graph(meshNode({ regions: [region('eu-west', [], ['gc', 'u0']), region('eu-north', [], ['u0'])] })),
    // A longer prefix inside a shorter one is what prefixes are for.
    silent: graph(meshNode({ regions: [region('eu-west', [], ['gc', 'u0']), region('eu-north', [], ['u0b'])] })),
  },
];
