//! Conditions, definitions and sequences.

use super::*;

#[test]
fn conditions() {
    table(&[
        ("@node1 a\n@node2 b\n@^node1 c\n@^node2 d", &["a", "d"]),
        ("@node1\n@node2", &[]),
        ("@node1 @^node2 a\n@node1 @node2 b", &["a"]),
        ("@node1 $X=1\n@node2 $X=2\na ${X}", &["a 1"]),
        ("$ON=@node1\n$OFF=@node2\n$ON a\n$OFF b", &["a"]),
        ("@node2 $X= \\\n a \\\n b\nc", &["c"]),
        ("@node1 ~SEQ(N, 2) a${N}", &["a1", "a2"]),
    ]);
    faults(&[(
        b"@ a",
        &[],
        &["General (f: Line 1, column 1) a condition without an id"],
    )]);
}

#[test]
fn definitions() {
    table(&[
        ("$A=1\na ${A}${A} $A, $A) $A", &["a 11 1, 1) 1"]),
        ("  $A=  b c # d\na \"${A}\" $A", &["a \"b c\" b c"]),
        ("$A=\nb${A}c", &["bc"]),
        ("$A=1\na ${A}\n$A=2\na ${A}", &["a 1", "a 2"]),
        ("$A=${B}\n$B=1\na ${A}\n$B=2\na ${A}", &["a 1", "a 2"]),
        ("$A=\"x y\"\na $A z", &["a \"x y\" z"]),
        ("$D=$E=5\n$D\na ${E}", &["a 5"]),
        ("$S=~SEQ(N, 2)\n$S a${N}", &["a1", "a2"]),
        ("a $UNKNOWN b", &["a $UNKNOWN b"]),
        ("a \"${UNKNOWN}\"", &["a \"${UNKNOWN}\""]),
        ("a $1 $ ${} ${1} $", &["a $1 $ ${} ${1} $"]),
        ("$_PWD=x\na ${_PWD}", &["a x"]),
        ("A=1", &["A=1"]),
        ("$A =1", &["$A =1"]),
    ]);
    faults(&[
        (
            b"$A=1\na $A/24 $A$A",
            &["a $A/24 $A1"],
            &[
                "Note (f: Line 2, column 3) '$A' is not replaced here - write '${A}'",
                "Note (f: Line 2, column 9)",
            ],
        ),
        (
            b"a b${C}d",
            &["a b${C}d"],
            &["General (f: Line 1, column 4) 'C' is not defined"],
        ),
        (
            b"$A=${A}\na ${A}\nb",
            &["b"],
            &["General (f: Line 2, column 1) a definition refers to itself"],
        ),
    ]);
}

#[test]
fn several_lines() {
    table(&[
        (
            "$X= \\\n a b \\\n  c { # d \\\n e\n$X\nf",
            &["a b", "c {", "e", "f"],
        ),
        ("$X=a \\\n b\nx $X\ny ${X}z", &["x a", "b", "y a", "bz"]),
        ("$X= \\\n a \\\n\nb\n$X", &["b", "a"]),
        ("$X= \\\n a \\\n# c\nb\n$X", &["b", "a"]),
        ("$X= \\\n a \\\n# c \\\nb\n$X", &["a", "b"]),
        (
            "$X= \\\n @node1 a \\\n @node2 b \\\n $N=5 \\\n c${N}\n$X",
            &["a", "c5"],
        ),
        (
            "$IN= \\\n i \\\n j\n$X= \\\n a \\\n $IN \\\n b\n$X\nc",
            &["a", "i", "j", "b", "c"],
        ),
        (
            "$X= \\\n i${N} \\\n ~SEQ(M, 2) j${M}\n~SEQ(N, 2) $X",
            &["i1", "j1", "j2", "i2", "j1", "j2"],
        ),
        ("$X=1 # c \\\nb\na $X", &["a 1", "b"]),
        ("$X=@node2 a \\\n b\n$X", &["b"]),
        ("$X= \\\n a \\\n b\npre $X", &["pre a", "b"]),
    ]);
    let (lines, said) = lines("$X= \\\n a \\\n $X\n$X\nb");
    assert_eq!(lines.last().map(String::as_str), Some("b"));
    assert_eq!(said.len(), 1, "{said:?}");
}

#[test]
fn sequences() {
    table(&[
        ("~SEQ(N, 3) a${N}", &["a1", "a2", "a3"]),
        ("~SEQ(N,-2) a${N}", &["a-1", "a-2"]),
        ("~SEQ(N, 0) a${N}", &["a1", "a0"]),
        ("~SEQ(N, 3, 1) a${N}", &["a3", "a2", "a1"]),
        ("~SEQ(N, 1, 3, 8) a${N}", &["a1", "a4", "a7"]),
        ("~SEQ(N, 8, -3, 1) a${N}", &["a8", "a5", "a2"]),
        ("~SEQx(N, 9, 0x0b) a${N}", &["a9", "aa", "ab"]),
        ("$E=2\n~SEQ(N, ${E}) a${N}", &["a1", "a2"]),
        (
            "~SEQ(N, 2) ~SEQ(M, 2) ${N}-${M}",
            &["1-1", "1-2", "2-1", "2-2"],
        ),
        ("~SEQ(N, 2) @node1 a $N b", &["a 1 b", "a 2 b"]),
        (
            "~SEQ(N, 9223372036854775807, 9223372036854775807) a",
            &["a"],
        ),
        ("~LST(V, a, b c , ) x${V}.", &["xa.", "xb c.", "x."]),
        ("~LST(V, \"a,b\", c) x ${V}", &["x \"a,b\"", "x c"]),
        (
            "~LST({A, B}, {1, 2}, {3}, {4,5}) ${A}-${B}",
            &["1-2", "3-", "4-5"],
        ),
        ("~SEQ(N, 2) x\na ${N}", &["x", "x", "a 2"]),
        ("~FOO(N)", &["~FOO(N)"]),
    ]);
    faults(&[
        (
            b"~SEQ(N, 1, 0, 5) a\nb",
            &["b"],
            &["General (f: Line 1, column 1) this never comes to its end"],
        ),
        (
            b"~SEQ(N, 1, -1, 5) a",
            &[],
            &["General (f: Line 1, column 1) this never comes"],
        ),
        (
            b"~SEQ(N, x) a",
            &[],
            &["General (f: Line 1, column 1) a bound is not a number"],
        ),
        (
            b"~SEQ(N) a",
            &[],
            &["General (f: Line 1, column 1) this sequence cannot be read"],
        ),
        (
            b"~SEQx(N, -2) a",
            &[],
            &["General (f: Line 1, column 1) negative"],
        ),
        (
            b"~LST({A,B}, {1,2,3}) a",
            &[],
            &["General (f: Line 1, column 1) there are more values than names"],
        ),
    ]);
}
