import { App } from 'cdk8s';
import { Bank } from './bank';

const app = new App();
new Bank(app, 'bank');
app.synth();
