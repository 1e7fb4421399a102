// Counters at the branches of a source file, for fuzzing guided by coverage: at the start of every function, branch, loop body, case and right side
// of a logical operator stands `__edge(N)`. Only text is inserted, so everything else stays as it is. Loops cost a step each time round, which is how
// a hang is found without a clock.
import ts from 'typescript';

/** 32-bit FNV-1a: the counters of a file stay the same whatever other files are instrumented. */
function hash(text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}

/** The source of `name` with counters. */
export function instrument(text, name) {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const inserts = [];
  const first = hash(name);
  let count = 0;
  const counter = () => `__edge(${(first + Math.imul(count++, 0x9e3779b1)) & 0xffff})`;
  const insert = (at, what) => inserts.push({ at, what, order: inserts.length });
  const block = (statement) => {
    if (ts.isBlock(statement)) {
      insert(statement.getStart() + 1, `${counter()};`);
    } else {
      insert(statement.getStart(), `{${counter()};`);
      insert(statement.end, '}');
    }
  };
  const expression = (node) => {
    insert(node.getStart(), `(${counter()},`);
    insert(node.end, ')');
  };
  const visit = (node) => {
    if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) || ts.isTypeNode(node) || ts.isEnumDeclaration(node)) return;
    if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) expression(node.body);
    // A constructor may have to begin with super(); what follows is counted by its branches.
    else if (ts.isFunctionLike(node) && node.body && !ts.isConstructorDeclaration(node)) block(node.body);
    else if (ts.isIfStatement(node)) {
      block(node.thenStatement);
      if (node.elseStatement) block(node.elseStatement);
    } else if (ts.isIterationStatement(node, false)) block(node.statement);
    else if (ts.isCaseOrDefaultClause(node) && node.statements.length > 0) insert(node.statements[0].getStart(), `${counter()};`);
    else if (ts.isConditionalExpression(node)) {
      expression(node.whenTrue);
      expression(node.whenFalse);
    } else if (ts.isBinaryExpression(node) && [ts.SyntaxKind.AmpersandAmpersandToken, ts.SyntaxKind.BarBarToken, ts.SyntaxKind.QuestionQuestionToken].includes(node.operatorToken.kind)) {
      expression(node.right);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  // At one place: what closes comes first, the innermost of it first; then what opens, the outermost first.
  const closes = ({ what }) => what === ')' || what === '}';
  inserts.sort((a, b) => a.at - b.at || closes(b) - closes(a) || (closes(a) ? b.order - a.order : a.order - b.order));
  let made = '';
  let from = 0;
  for (const { at, what } of inserts) {
    made += text.slice(from, at) + what;
    from = at;
  }
  return made + text.slice(from);
}
