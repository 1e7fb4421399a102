import { UP_USAGE } from './up-options';

const HELP = `meshwright: a service mesh whose whole configuration is a typed program

  meshwright up DIR       run the mesh of a folder of manifests on this machine
  meshwright version      print the version
  meshwright help [up]    print this, or the options of a command
`;

export function help([verb]: readonly string[]): number {
  process.stdout.write(verb === 'up' ? UP_USAGE : HELP);
  return 0;
}
