//! The Dockerfile, as its stages and instructions.

use std::collections::BTreeMap;

use super::read;

/// One instruction: its name, and the rest of it on one line.
pub struct Instruction {
    pub name: String,
    pub rest: String,
}

/// One `FROM` and what follows it.
pub struct Stage {
    pub base: String,
    pub instructions: Vec<Instruction>,
}

pub struct Dockerfile {
    pub stages: BTreeMap<String, Stage>,
    /// The stage that is built where none is named.
    pub last: String,
}

impl Dockerfile {
    pub fn of_the_repository() -> Self {
        let text = read("Dockerfile");
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
        let mut stages: BTreeMap<String, Stage> = BTreeMap::new();
        let mut last = String::new();
        for line in joined.lines().filter(|line| !line.trim().is_empty()) {
            let words: Vec<_> = line.split_whitespace().collect();
            if let ["FROM", base, "AS", name] = words[..] {
                last = name.to_owned();
                let stage = Stage {
                    base: base.to_owned(),
                    instructions: Vec::new(),
                };
                assert!(stages.insert(last.clone(), stage).is_none(), "{name} twice");
                continue;
            }
            let stage = stages.get_mut(&last).expect("FROM comes first");
            stage.instructions.push(Instruction {
                name: words[0].to_owned(),
                rest: words[1..].join(" "),
            });
        }
        Self { stages, last }
    }

    /// A stage and those that it is built on, the stage first.
    pub fn line_of(&self, target: &str) -> Vec<&Stage> {
        let mut line = Vec::new();
        let mut next = Some(self.stages.get(target).unwrap_or_else(|| {
            panic!("the Dockerfile has no stage {target}");
        }));
        while let Some(stage) = next {
            line.push(stage);
            next = self.stages.get(&stage.base);
        }
        line
    }

    /// What the image of a stage ends up with for an instruction of which the last one counts.
    pub fn effective(&self, target: &str, name: &str) -> Option<&str> {
        let line = self.line_of(target);
        line.into_iter().find_map(|stage| {
            let mut instructions = stage.instructions.iter().rev();
            let found = instructions.find(|instruction| instruction.name == name)?;
            Some(found.rest.as_str())
        })
    }

    /// The same, for instructions that must be a list of words: a shell in between would be the first
    /// process of the container and keep signals to itself.
    pub fn words(&self, target: &str, name: &str) -> Option<Vec<String>> {
        let text = self.effective(target, name)?;
        let words = serde_json::from_str(text);
        Some(words.unwrap_or_else(|_| panic!("{target}: {name} {text} goes through a shell")))
    }

    /// The command of the health check.
    pub fn health(&self, target: &str) -> Option<Vec<String>> {
        let (_, command) = self.effective(target, "HEALTHCHECK")?.split_once("CMD ")?;
        Some(serde_json::from_str(command).unwrap())
    }
}
