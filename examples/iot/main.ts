import { App } from 'cdk8s';
import { Sensors } from './sensors';

const app = new App();
new Sensors(app, 'iot');
app.synth();
