//! The committed corpus, and seeded changes of it, through the checks of the fuzz programs: on any toolchain, the same
//! every time, bounded in time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ferlix_fuzz_checks::CHECKS;

/// How often each file is changed, if time allows.
const ROUNDS: usize = 300;
/// How long the changes of one corpus may take; the files themselves are always checked.
const TIME: Duration = Duration::from_secs(4);
/// How long one input may take: far beyond what any needs, also on a machine that is busy.
const ONE: Duration = Duration::from_secs(20);
/// How long a changed input may become.
const LONGEST: usize = 32 * 1024;

macro_rules! corpora {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name), ferlix_fuzz_checks::$name);
            }
        )*

        #[test]
        fn every_check_has_a_test_a_program_and_a_corpus() {
            let names = |names: &[&str]| -> BTreeSet<String> {
                names.iter().map(ToString::to_string).collect()
            };
            let checks = names(&CHECKS.map(|(name, _)| name));
            assert_eq!(names(&[$(stringify!($name)),*]), checks);
            assert_eq!(entries(&fuzz_folder().join("corpus")), checks);
            assert_eq!(entries(&fuzz_folder().join("fuzz_targets")), checks);
            let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
            for name in checks {
                let path = format!("path = \"fuzz_targets/{name}.rs\"");
                assert!(manifest.contains(&path), "{name} is no program of fuzz/Cargo.toml");
            }
        }
    };
}

corpora!(
    edef,
    filter,
    http_request,
    path,
    record,
    shell_line,
    xmlrpc_call,
    xmlrpc_response,
);

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// The names in a folder, without extensions.
fn entries(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    entries.map(|entry| name(entry.unwrap().path())).collect()
}

/// Checks every file of a corpus, then as many changes of each as time allows.
fn run(name: &str, check: fn(&[u8])) {
    let mut paths: Vec<PathBuf> = fs::read_dir(fuzz_folder().join("corpus").join(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 10, "{name}: {} files only", paths.len());
    let corpus: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();

    for (path, input) in paths.iter().zip(&corpus) {
        one(check, input, &format!("{}", path.display()));
    }
    let started = Instant::now();
    let mut random = Random::new(name);
    for round in 0..ROUNDS {
        for (path, input) in paths.iter().zip(&corpus) {
            if started.elapsed() > TIME {
                return;
            }
            let changed = random.change(input, &corpus);
            one(
                check,
                &changed,
                &format!("change {round} of {}", path.display()),
            );
        }
    }
}

/// Checks one input; a panic is reported with it.
fn one(check: fn(&[u8]), input: &[u8], origin: &str) {
    struct Report<'a>(&'a [u8], &'a str);

    impl Drop for Report<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                let Self(input, origin) = self;
                eprintln!("the input was {origin}: \"{}\"", input.escape_ascii());
            }
        }
    }

    let _report = Report(input, origin);
    let started = Instant::now();
    check(input);
    let took = started.elapsed();
    assert!(took < ONE, "{took:?} for {} bytes", input.len());
}

/// Numbers that only look random: the generator xorshift64*, seeded by a name.
struct Random(u64);

impl Random {
    fn new(name: &str) -> Self {
        let seed = name.bytes().fold(0xFE71_1C5E, |seed: u64, byte| {
            seed.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        Self(seed)
    }

    /// A number below a limit, which is not zero.
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).unwrap() % limit
    }

    fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.below(among.len())]
    }

    /// A range within a length, mostly a short one.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let longest = *self.pick(&[1, 4, 16, 64, length]);
        start..start + self.below(longest.min(length - start) + 1)
    }

    /// An input with a few changes.
    fn change(&mut self, input: &[u8], corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut changed = input.to_vec();
        for _ in 0..=self.below(4) {
            self.change_once(&mut changed, corpus);
        }
        changed.truncate(LONGEST);
        changed
    }

    fn change_once(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        /// What means something in one of the formats, or at the edge of UTF-8.
        const PIECES: [&[u8]; 40] = [
            b"\0",
            b"\x01",
            b"\x7f",
            b"\x80",
            b"\xff",
            b"\xc0\x80",
            b"\xed\xa0\x80",
            b"\xef\xbf\xbe",
            "\u{feff}".as_bytes(),
            "é".as_bytes(),
            "\u{fdd0}".as_bytes(),
            "\u{2028}".as_bytes(),
            b"<",
            b">",
            b"&",
            b"&#13;",
            b"&#0;",
            b"&amp;",
            b"]]>",
            b"<![CDATA[",
            b"<!--",
            b"-->",
            b"\"",
            b"'",
            b"\\",
            b"{",
            b"}",
            b"[",
            b"]",
            b"(",
            b")",
            b"*",
            b"%2e",
            b"/",
            b"..",
            b"$",
            b"=",
            b"-9223372036854775808",
            b"1e999",
            b"\r\n",
        ];
        let at = self.below(input.len() + 1);
        match self.below(8) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            1 => {
                let piece = *self.pick(&PIECES);
                input.splice(at..at, piece.iter().copied());
            }
            2 => {
                let range = self.range(input.len());
                let piece = *self.pick(&PIECES);
                input.splice(range, piece.iter().copied());
            }
            3 => {
                input.drain(self.range(input.len()));
            }
            4 => {
                let copy = input[self.range(input.len())].repeat(1 + self.below(20));
                input.splice(at..at, copy);
            }
            5 => input.truncate(at),
            _ => {
                let other = self.pick(corpus);
                let copy = other[self.range(other.len())].to_vec();
                let replaced = self.range(input.len());
                input.splice(replaced, copy);
            }
        }
    }
}
