// Declarations of meshwright/testing: those of its entry and of every file that they name, and of no other, into lib/testing/types/.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';

const OUT = 'lib/testing/types';
const { config } = ts.readConfigFile('tsconfig.dev.json', ts.sys.readFile);
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
const program = ts.createProgram(['testing/index.ts'], { ...options, noEmit: false, declaration: true, emitDeclarationOnly: true, stripInternal: true, outDir: OUT, rootDir: '.' });

const written = new Set();

/** Writes the declarations of a source file, and of those that they import. */
function declare(source) {
  const file = program.getSourceFile(source);
  if (!file || written.has(source)) return;
  written.add(source);
  program.emit(file, (name, text) => {
    mkdirSync(dirname(name), { recursive: true });
    writeFileSync(name, text);
    for (const { fileName } of ts.preProcessFile(text).importedFiles) {
      const found = fileName.startsWith('.') && ts.resolveModuleName(fileName, file.fileName, options, ts.sys).resolvedModule;
      if (found) declare(relative('.', found.resolvedFileName));
    }
  }, undefined, true);
}

rmSync(OUT, { recursive: true, force: true });
declare('testing/index.ts');
writeFileSync(join('lib', 'testing', 'index.d.ts'), "export * from './types/testing/index';\n");
