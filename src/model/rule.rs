//! A rule of a profile: a condition over the facts, in CEL, the Common Expression Language. The one
//! module that knows the crate behind it, which changes its interface with each minor version.

use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::{Context, Env, ExecutionError, Program, Value};
use serde::{Deserialize, Serialize};

use crate::model::digest::of_settings;
use crate::model::facts::Facts;
use crate::model::identity::KeyScope;
use crate::model::serial::hex;
use crate::model::text::is_invisible;

/// Longest expression, in octets. The crate bounds no cost; what a short expression without a loop in a
/// loop costs is at most the square of its length, and a long one is a list that belongs elsewhere.
const EXPRESSION_MAX: usize = 1000;
/// Deepest nesting: it is evaluated by functions that call themselves, for every enrolment.
const DEPTH_MAX: usize = 40;
/// Octets of stack for the parser.
const PARSER_STACK: usize = 256 * 1024 * 1024;
/// Longest text for people, in characters.
const TEXT_MAX: usize = 300;

static ENV: LazyLock<Arc<Env>> =
    LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// A fact that a rule may name.
struct Fact {
    name: &'static str,
    /// The scope whose profiles know it; `None` for both.
    scope: Option<KeyScope>,
    kind: Kind,
    value: fn(&Facts) -> Option<Value>,
}

/// What a fact can be compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
}

/// The one fact that has to be asked for.
const LIVE_CERTIFICATES: &str = "live_certificates";

fn text(value: &str) -> Value {
    Value::from(value)
}

fn optional(value: Option<&String>) -> Option<Value> {
    value.map(|value| text(value))
}

/// `docs/policy.md` describes each; a test compares the two.
static FACTS: [Fact; 17] = [
    Fact {
        name: "profile",
        scope: None,
        kind: Kind::Text,
        value: |facts| Some(text(&facts.profile)),
    },
    Fact {
        name: "scope",
        scope: None,
        kind: Kind::Text,
        value: |facts| Some(text(facts.scope.as_str())),
    },
    Fact {
        name: "email",
        scope: Some(KeyScope::User),
        kind: Kind::Text,
        value: |facts| optional(facts.email.as_ref()),
    },
    Fact {
        name: "domain",
        scope: None,
        kind: Kind::Text,
        value: |facts| Some(text(&facts.domain)),
    },
    Fact {
        name: "customer_id",
        scope: None,
        kind: Kind::Text,
        value: |facts| optional(facts.customer_id.as_ref()),
    },
    Fact {
        name: "device_permanent_id",
        scope: Some(KeyScope::Machine),
        kind: Kind::Text,
        value: |facts| optional(facts.device_permanent_id.as_ref()),
    },
    Fact {
        name: "virtual_device_id",
        scope: None,
        kind: Kind::Text,
        value: |facts| optional(facts.virtual_device_id.as_ref()),
    },
    Fact {
        name: "device_enrollment_id",
        scope: Some(KeyScope::Machine),
        kind: Kind::Text,
        value: |facts| optional(facts.device_enrollment_id.as_ref()),
    },
    Fact {
        name: "attested_device_id",
        scope: None,
        kind: Kind::Text,
        value: |facts| optional(facts.attested_device_id.as_ref()),
    },
    Fact {
        name: "key_trust_level",
        scope: None,
        kind: Kind::Text,
        value: |facts| Some(text(facts.key_trust_level.as_str())),
    },
    Fact {
        name: "key_algorithm",
        scope: None,
        kind: Kind::Text,
        value: |facts| Some(text(facts.key_algorithm.as_str())),
    },
    Fact {
        name: "device_serial_number",
        scope: Some(KeyScope::Machine),
        kind: Kind::Text,
        value: |facts| optional(facts.device_serial_number.as_ref()),
    },
    Fact {
        name: "asset_id",
        scope: Some(KeyScope::Machine),
        kind: Kind::Text,
        value: |facts| optional(facts.asset_id.as_ref()),
    },
    Fact {
        name: "organizational_unit",
        scope: None,
        kind: Kind::Text,
        value: |facts| optional(facts.organizational_unit.as_ref()),
    },
    Fact {
        name: "sid",
        scope: Some(KeyScope::User),
        kind: Kind::Text,
        value: |facts| optional(facts.sid.as_ref()),
    },
    Fact {
        name: LIVE_CERTIFICATES,
        scope: None,
        kind: Kind::Number,
        value: |facts| {
            facts
                .live_certificates
                .map(|count| Value::Int(count.into()))
        },
    },
    Fact {
        name: "time",
        scope: None,
        kind: Kind::Number,
        value: |facts| facts.time.map(|time| Value::Int(time.0)),
    },
];

fn fact(name: &str) -> Option<&'static Fact> {
    FACTS.iter().find(|fact| fact.name == name)
}

/// `[[profile.rule]]` as it is written in the configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSettings {
    /// What the decision record calls it: `[a-z0-9_]`, 1 to 64 characters, once in a profile.
    pub name: String,
    /// The condition, in CEL. What it is false for gets no certificate.
    pub expression: String,
    /// What the person at the Chromebook is told.
    pub message: String,
    /// What the help desk does about it.
    pub remedy: String,
}

/// Why a rule does not load; each message says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// The name is not usable in a record.
    #[error("a rule's name is 1 to 64 of a-z, 0-9 and _")]
    Name,
    /// A text for people is missing or too long.
    #[error("{0} is 1 to {TEXT_MAX} characters, on one line")]
    Text(&'static str),
    /// Too long to be cheap.
    #[error("expression is longer than {EXPRESSION_MAX} octets: split it into rules")]
    Long,
    /// The parser's words.
    #[error("expression is not CEL: {0}")]
    Syntax(String),
    /// Too deep to be evaluated on any stack.
    #[error("expression is nested more than {DEPTH_MAX} deep: split it into rules")]
    Deep,
    /// A loop in a loop, or over what a loop made: either multiplies.
    #[error(
        "expression has a loop (all, exists, exists_one, map, filter) within a loop or over the result of one, whose cost has no bound: split it into rules"
    )]
    NestedLoop,
    /// CEL calls values of two kinds unequal, whatever they are: a slip that refuses nobody, or all.
    #[error(
        "expression compares {0} with a value of another kind: texts stand in quotes, numbers do not"
    )]
    OtherKind(&'static str),
    /// A name that is no fact.
    #[error("expression names {name:?}, which is no fact; facts are {known}")]
    UnknownFact {
        /// As it was written.
        name: String,
        /// What there is.
        known: String,
    },
    /// A fact that the other scope alone has: the rule would refuse everybody.
    #[error("expression names {name}, which no {scope} profile ever knows")]
    OtherScope {
        /// The fact.
        name: &'static str,
        /// The profile's.
        scope: KeyScope,
    },
    /// What it gives for an example is no answer.
    #[error("expression gives {0} where true or false is wanted")]
    NotBoolean(String),
    /// What it does with an example is an error whatever the facts hold.
    #[error("expression fails: {0}")]
    Fails(String),
}

impl InvalidRule {
    /// The key of `[[profile.rule]]` that is to be changed.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Text(field) => field,
            _ => "expression",
        }
    }
}

/// What a rule says of one set of facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is true.
    Holds,
    /// It is false.
    DoesNotHold,
    /// A fact that it names is not known, so it is false.
    Missing(&'static str),
    /// It gives no answer for these facts, so it is false.
    Fails(String),
}

/// A rule that was checked when the configuration was loaded.
pub struct Rule {
    /// What the record calls it.
    pub name: String,
    /// The condition, as it was written.
    pub expression: String,
    /// For the person at the Chromebook.
    pub message: String,
    /// For the help desk.
    pub remedy: String,
    /// Which text it is: SHA-256 over `vaca-rule-v1` and its settings as JSON with sorted keys, in
    /// hexadecimal.
    pub hash: Box<str>,
    program: Program,
    facts: Vec<&'static Fact>,
}

/// Without the compiled form, which is long and says nothing more.
impl fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Rule")
            .field(&self.name)
            .field(&self.expression)
            .finish()
    }
}

impl Rule {
    /// Compiles and tries it on an example of what a profile of `scope` knows.
    ///
    /// # Errors
    /// [`InvalidRule`].
    pub fn parse(settings: RuleSettings, scope: KeyScope) -> Result<Self, InvalidRule> {
        let of_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !(1..=64).contains(&settings.name.len()) || !settings.name.bytes().all(of_name) {
            return Err(InvalidRule::Name);
        }
        check_text("message", &settings.message)?;
        check_text("remedy", &settings.remedy)?;
        if settings.expression.len() > EXPRESSION_MAX {
            return Err(InvalidRule::Long);
        }
        let program = compile(&settings.expression)?;
        let facts = Names::of(program.expression(), scope)?;
        let rule = Self {
            hash: hash(&settings),
            name: settings.name,
            expression: settings.expression,
            message: settings.message,
            remedy: settings.remedy,
            program,
            facts,
        };
        rule.try_on(&Facts::example(scope))?;
        Ok(rule)
    }

    /// Holds the facts against it. Every fact that it names must be known, also where the answer
    /// would not depend on it.
    #[must_use]
    pub fn judge(&self, facts: &Facts) -> Judgement {
        let context = match self.context(facts) {
            Ok(context) => context,
            Err(missing) => return Judgement::Missing(missing),
        };
        match self.program.execute(&context) {
            Ok(Value::Bool(true)) => Judgement::Holds,
            Ok(Value::Bool(false)) => Judgement::DoesNotHold,
            Ok(other) => Judgement::Fails(format!("it gives {}", kind(&other))),
            Err(error) => Judgement::Fails(on_one_line(&error.to_string())),
        }
    }

    /// Whether it asks how many certificates the holder has.
    #[must_use]
    pub fn counts_certificates(&self) -> bool {
        self.facts.iter().any(|fact| fact.name == LIVE_CERTIFICATES)
    }

    /// The facts that it names, as they are: what the decision record shows.
    #[must_use]
    pub fn seen(&self, facts: &Facts) -> String {
        let seen = self.facts.iter().map(|fact| match (fact.value)(facts) {
            Some(Value::String(text)) => format!("{} = {:?}", fact.name, text.as_str()),
            Some(Value::Int(number)) => format!("{} = {number}", fact.name),
            _ => format!("{} is not known", fact.name),
        });
        seen.collect::<Vec<_>>().join(", ")
    }

    fn context(&self, facts: &Facts) -> Result<Context<'static, 'static>, &'static str> {
        let mut context = Context::with_env(Arc::clone(&ENV));
        for fact in &self.facts {
            let value = (fact.value)(facts).ok_or(fact.name)?;
            context.add_variable_from_value(fact.name, value);
        }
        Ok(context)
    }

    /// A rule of the wrong type fails for every device: that is told when the file is read. What `&&`
    /// and its like leave out for the example is tried by itself.
    fn try_on(&self, example: &Facts) -> Result<(), InvalidRule> {
        let context = self
            .context(example)
            .map_err(|missing| InvalidRule::Fails(format!("the example lacks {missing}")))?;
        try_condition(self.program.expression(), &context)
    }
}

fn hash(settings: &RuleSettings) -> Box<str> {
    hex(&of_settings("vaca-rule-v1", settings)).into()
}

/// The parser calls itself for each bracket and operator within another; on a stack of its own no
/// expression of the length that is allowed can exhaust it.
fn compile(expression: &str) -> Result<Program, InvalidRule> {
    let parse = || ENV.compile(expression);
    let parsed = std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().stack_size(PARSER_STACK);
        let parser = parser.spawn_scoped(scope, parse).ok()?;
        parser.join().ok()
    });
    parsed
        .ok_or_else(|| InvalidRule::Fails("the parser stopped; is memory short?".to_owned()))?
        .map_err(|errors| InvalidRule::Syntax(on_one_line(&errors.to_string())))
}

/// Tries a condition and, where it is made of conditions, each of them.
fn try_condition(
    condition: &IdedExpr,
    context: &Context<'static, 'static>,
) -> Result<(), InvalidRule> {
    match Value::resolve(condition, context) {
        Ok(Value::Bool(_)) => {}
        Ok(other) => return Err(InvalidRule::NotBoolean(kind(&other).to_owned())),
        Err(error) if depends_on_facts(&error) => {}
        Err(error) => return Err(InvalidRule::Fails(on_one_line(&error.to_string()))),
    }
    match &condition.expr {
        Expr::Call(call) if is_logical(&call.func_name) => call
            .args
            .iter()
            .chain(call.target.as_deref())
            .try_for_each(|operand| try_condition(operand, context)),
        _ => Ok(()),
    }
}

fn is_logical(function: &str) -> bool {
    [
        operators::LOGICAL_AND,
        operators::LOGICAL_OR,
        operators::LOGICAL_NOT,
        operators::CONDITIONAL,
    ]
    .contains(&function)
}

/// Whether other facts may give an answer where the example gives this error.
fn depends_on_facts(error: &ExecutionError) -> bool {
    matches!(
        error,
        ExecutionError::IndexOutOfBounds(_)
            | ExecutionError::NoSuchKey(_)
            | ExecutionError::DivisionByZero(_)
            | ExecutionError::RemainderByZero(_)
            | ExecutionError::Overflow(..)
            | ExecutionError::FunctionError { .. }
    )
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => "a number",
        Value::String(_) => "a text",
        Value::Bytes(_) => "octets",
        Value::Bool(_) => "true or false",
        Value::Null => "null",
        _ => "something else",
    }
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn check_text(field: &'static str, text: &str) -> Result<(), InvalidRule> {
    is_text(text).then_some(()).ok_or(InvalidRule::Text(field))
}

/// Whether a screen may show it to a person: one line, not too long, and read as it stands there.
pub(crate) fn is_text(text: &str) -> bool {
    let strange = |letter: char| letter.is_control() || is_invisible(letter);
    (1..=TEXT_MAX).contains(&text.chars().count()) && !text.chars().any(strange)
}

/// Holds the two sides of `==`, `!=` and `in` against each other, where one is a fact and the other stands
/// there as a literal.
fn check_kinds(call: &CallExpr) -> Result<(), InvalidRule> {
    let compares = [operators::EQUALS, operators::NOT_EQUALS, operators::IN];
    let [left, right] = call.args.as_slice() else {
        return Ok(());
    };
    if !compares.contains(&call.func_name.as_str()) {
        return Ok(());
    }
    for (one, other) in [(left, right), (right, left)] {
        let Expr::Ident(name) = &one.expr else {
            continue;
        };
        let Some(fact) = fact(name) else { continue };
        let values = match &other.expr {
            Expr::List(list) => list.elements.as_slice(),
            _ => std::slice::from_ref(other),
        };
        let fits = |value: &IdedExpr| match &value.expr {
            Expr::Literal(LiteralValue::String(_)) => fact.kind == Kind::Text,
            Expr::Literal(LiteralValue::Int(_)) => fact.kind == Kind::Number,
            Expr::Literal(_) => false,
            _ => true,
        };
        if !values.iter().all(fits) {
            return Err(InvalidRule::OtherKind(fact.name));
        }
    }
    Ok(())
}

/// The facts that an expression names, gathered on a walk that also looks for loops in loops.
struct Names {
    scope: KeyScope,
    facts: Vec<&'static Fact>,
    /// Whether the walk is in a loop, or in the list that one goes over.
    in_loop: bool,
    /// Variables of the loop that the walk is in.
    variables: Vec<String>,
    depth: usize,
}

impl Names {
    fn of(expression: &IdedExpr, scope: KeyScope) -> Result<Vec<&'static Fact>, InvalidRule> {
        let mut names = Self {
            scope,
            facts: Vec::new(),
            in_loop: false,
            variables: Vec::new(),
            depth: 0,
        };
        names.walk(expression)?;
        Ok(names.facts)
    }

    fn walk(&mut self, expression: &IdedExpr) -> Result<(), InvalidRule> {
        if self.depth == DEPTH_MAX {
            return Err(InvalidRule::Deep);
        }
        self.depth += 1;
        self.walk_within(expression)?;
        self.depth -= 1;
        Ok(())
    }

    fn walk_within(&mut self, expression: &IdedExpr) -> Result<(), InvalidRule> {
        match &expression.expr {
            Expr::Literal(_) => Ok(()),
            // Nothing that the parser makes of these could ever be evaluated.
            Expr::Unspecified | Expr::Struct(_) => Err(InvalidRule::Syntax(
                "there is a part that means nothing here".to_owned(),
            )),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => self.walk(&select.operand),
            Expr::List(list) => self.walk_all(&list.elements),
            Expr::Call(call) => {
                self.walk_all(&call.args)?;
                check_kinds(call)?;
                call.target.iter().try_for_each(|target| self.walk(target))
            }
            Expr::Map(map) => self.entries(map.entries.iter().map(|entry| &entry.expr)),
            Expr::Comprehension(of) => {
                if std::mem::replace(&mut self.in_loop, true) {
                    return Err(InvalidRule::NestedLoop);
                }
                self.walk(&of.iter_range)?;
                self.walk(&of.accu_init)?;
                self.variables = vec![of.iter_var.clone(), of.accu_var.clone()];
                self.variables.extend(of.iter_var2.clone());
                for part in [&of.loop_cond, &of.loop_step, &of.result] {
                    self.walk(part)?;
                }
                self.variables.clear();
                self.in_loop = false;
                Ok(())
            }
        }
    }

    fn walk_all(&mut self, expressions: &[IdedExpr]) -> Result<(), InvalidRule> {
        expressions.iter().try_for_each(|one| self.walk(one))
    }

    fn entries<'a>(
        &mut self,
        mut entries: impl Iterator<Item = &'a EntryExpr>,
    ) -> Result<(), InvalidRule> {
        entries.try_for_each(|entry| match entry {
            EntryExpr::StructField(field) => self.walk(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.walk(&entry.key)?;
                self.walk(&entry.value)
            }
        })
    }

    fn name(&mut self, name: &str) -> Result<(), InvalidRule> {
        if self.variables.iter().any(|variable| variable == name) {
            return Ok(());
        }
        let Some(fact) = fact(name) else {
            let known: Vec<_> = FACTS.iter().map(|fact| fact.name).collect();
            return Err(InvalidRule::UnknownFact {
                name: name.to_owned(),
                known: known.join(", "),
            });
        };
        if fact.scope.is_some_and(|scope| scope != self.scope) {
            return Err(InvalidRule::OtherScope {
                name: fact.name,
                scope: self.scope,
            });
        }
        if !self.facts.iter().any(|known| known.name == fact.name) {
            self.facts.push(fact);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
