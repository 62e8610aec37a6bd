//! Finds each mutant's place in the syntax, and puts its switch there.
//!
//! Only one mutant is on at a time. What is inside of one's own text is therefore the source as it was, and the size
//! of what is woven grows with the depth of an expression, not with two to its power.

use std::collections::HashMap;

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::edits::{Edits, Part};
use crate::places::Mutant;

pub struct Weaver<'a, 'e> {
    /// By genre and by where what is replaced begins.
    mutants: HashMap<(&'a str, usize, usize), Vec<&'a Mutant>>,
    edits: &'e mut Edits<'a>,
    /// Constants are evaluated by the compiler, which asks no switch.
    constant: usize,
    /// Whether constants may call the function that is visited.
    callable: bool,
    /// What became of mutants beside their text.
    fates: HashMap<usize, Fate>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Fate {
    /// In a function that constants may call: the compiler asks no switch.
    Callable,
    /// The compiler would refuse it.
    Refused,
    /// Returned beside what a function without a named type returns.
    Beside,
}

impl<'a, 'e> Weaver<'a, 'e> {
    pub fn new(mutants: &[&'a Mutant], edits: &'e mut Edits<'a>) -> Self {
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for mutant in mutants {
            found
                .entry((mutant.genre.as_str(), mutant.start.0, mutant.start.1))
                .or_default()
                .push(*mutant);
        }
        Self {
            mutants: found,
            edits,
            constant: 0,
            callable: false,
            fates: HashMap::new(),
        }
    }

    pub fn file(mut self, file: &syn::File) -> HashMap<usize, Fate> {
        self.visit_file(file);
        self.fates
    }

    fn at(&mut self, genre: &'static str, span: Span) -> Vec<&'a Mutant> {
        let start = span.start();
        let key = (genre, start.line, start.column + 1);
        let mutants = match self.constant {
            0 => self.mutants.get(&key).cloned().unwrap_or_default(),
            _ => Vec::new(),
        };
        if self.callable {
            let callable = mutants.iter().map(|one| (one.number, Fate::Callable));
            self.fates.extend(callable);
        }
        mutants
    }

    /// `(if on(1) { one } else if on(2) { two } else { as it was })`
    fn choose(&mut self, whole: Span, choices: Vec<(usize, String)>) {
        if choices.is_empty() {
            return;
        }
        let mut before = vec![Part::Text("(".to_owned())];
        for (mutant, text) in choices {
            before.push(Part::Text(format!("if {} {{ (", on(mutant))));
            before.push(Part::Mutant(mutant, text));
            before.push(Part::Text(") } else ".to_owned()));
        }
        before.push(Part::Text("{ (".to_owned()));
        let range = self.edits.range(whole);
        self.edits.wrap(range, before, ") })");
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let Some(first) = block.stmts.first() else {
            return;
        };
        let mutants = self.at("FnValue", first.span());
        let inside = self.edits.range(block.brace_token.span.open()).end;
        let end = self.edits.range(block.brace_token.span.close()).start;
        // Another type than the one that is returned cannot be returned beside it, but an iterator of either.
        let opaque = match opaque(signature) {
            Opaque::Not => false,
            Opaque::Iterator if !has_return(block) => true,
            _ => return,
        };
        let wrap = |depth: usize, inner: &str| {
            let (before, after) = match opaque {
                true => (
                    "::switch::Either::Or(".repeat(depth) + inner,
                    ")".repeat(depth + usize::from(!inner.is_empty())),
                ),
                false => (String::new(), String::new()),
            };
            (Part::Text(before), after)
        };
        let mut parts = Vec::new();
        for (depth, mutant) in mutants.iter().enumerate() {
            let (before, after) = wrap(depth, "::switch::Either::Mutant(");
            parts.push(Part::Text(format!(" if {} {{ return ", on(mutant.number))));
            parts.push(before);
            parts.push(Part::Mutant(mutant.number, one_line(&mutant.replacement)));
            parts.push(Part::Text(format!("{after}; }}")));
        }
        if parts.is_empty() {
            return;
        }
        if opaque {
            let beside = mutants.iter().map(|one| (one.number, Fate::Beside));
            self.fates.extend(beside);
            let (before, after) = wrap(mutants.len(), "");
            parts.extend([before, Part::Text("{".to_owned())]);
            self.edits
                .insert(end, vec![Part::Text(format!("}}{after}"))]);
        }
        self.edits.insert(inside, parts);
    }

    fn constant(&mut self, visit: impl FnOnce(&mut Self)) {
        self.constant += 1;
        visit(self);
        self.constant -= 1;
    }

    /// Constants may be in a function, and functions in a constant.
    fn within(&mut self, signature: &syn::Signature, visit: impl FnOnce(&mut Self)) {
        let before = (self.constant, self.callable);
        (self.constant, self.callable) = (0, signature.constness.is_some());
        visit(self);
        (self.constant, self.callable) = before;
    }
}

/// The path of the switch.
fn on(mutant: usize) -> String {
    format!("::switch::on({mutant})")
}

/// Without comments, and without line ends, as lines stay where they are.
fn text(tokens: &impl ToTokens) -> String {
    one_line(&tokens.to_token_stream().to_string())
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

/// `let` in a chain of conditions: it cannot be put between braces.
fn has_let(expression: &syn::Expr) -> bool {
    struct Finder(bool);
    impl Visit<'_> for Finder {
        fn visit_expr_let(&mut self, _: &syn::ExprLet) {
            self.0 = true;
        }
        fn visit_block(&mut self, _: &syn::Block) {}
        fn visit_expr_closure(&mut self, _: &syn::ExprClosure) {}
    }
    let mut finder = Finder(false);
    finder.visit_expr(expression);
    finder.0
}

/// Whether a function returns a type without a name.
enum Opaque {
    Not,
    Iterator,
    Other,
}

fn opaque(signature: &syn::Signature) -> Opaque {
    struct Finder(bool);
    impl Visit<'_> for Finder {
        fn visit_type_impl_trait(&mut self, _: &syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    if let syn::ReturnType::Type(_, output) = &signature.output
        && let syn::Type::ImplTrait(output) = &**output
        && let Some(syn::TypeParamBound::Trait(bound)) = output.bounds.first()
        && bound
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "Iterator")
    {
        return Opaque::Iterator;
    }
    let mut finder = Finder(false);
    finder.visit_return_type(&signature.output);
    if finder.0 { Opaque::Other } else { Opaque::Not }
}

fn has_return(block: &syn::Block) -> bool {
    struct Finder(bool);
    impl Visit<'_> for Finder {
        fn visit_expr_return(&mut self, _: &syn::ExprReturn) {
            self.0 = true;
        }
        fn visit_expr_try(&mut self, _: &syn::ExprTry) {
            self.0 = true;
        }
        fn visit_expr_closure(&mut self, _: &syn::ExprClosure) {}
    }
    let mut finder = Finder(false);
    finder.visit_block(block);
    finder.0
}

impl<'ast> Visit<'ast> for Weaver<'_, '_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if is_for_tests(&function.attrs) {
            return;
        }
        self.within(&function.sig, |weaver| {
            weaver.function(&function.sig, &function.block);
            visit::visit_item_fn(weaver, function);
        });
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.within(&function.sig, |weaver| {
            weaver.function(&function.sig, &function.block);
            visit::visit_impl_item_fn(weaver, function);
        });
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.function(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        visit::visit_expr_binary(self, binary);
        let mutants = self.at("BinaryOperator", binary.op.span());
        // `let` stands in a chain of `&&` alone.
        if has_let(&binary.left) || has_let(&binary.right) {
            let refused = mutants.iter().map(|one| (one.number, Fate::Refused));
            self.fates.extend(refused);
            return;
        }
        let choices = mutants
            .into_iter()
            .map(|mutant| {
                let (left, right) = (text(&binary.left), text(&binary.right));
                (
                    mutant.number,
                    format!("{left} {} {right}", mutant.replacement),
                )
            })
            .collect();
        self.choose(binary.span(), choices);
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        visit::visit_expr_unary(self, unary);
        let choices = self
            .at("UnaryOperator", unary.op.span())
            .into_iter()
            .map(|mutant| (mutant.number, text(&unary.expr)))
            .collect();
        self.choose(unary.span(), choices);
    }

    fn visit_expr_match(&mut self, matching: &'ast syn::ExprMatch) {
        visit::visit_expr_match(self, matching);
        for arm in &matching.arms {
            let deletions = self.at("MatchArm", arm.span());
            let off: String = deletions
                .iter()
                .map(|mutant| format!("!{} && ", on(mutant.number)))
                .collect();
            match &arm.guard {
                Some((_, guard)) if !has_let(guard) => {
                    let mut parts = vec![Part::Text(format!("{off}("))];
                    for mutant in self.at("MatchArmGuard", guard.span()) {
                        parts.push(Part::Text(format!("if {} {{ ", on(mutant.number))));
                        parts.push(Part::Mutant(mutant.number, one_line(&mutant.replacement)));
                        parts.push(Part::Text(" } else ".to_owned()));
                    }
                    parts.push(Part::Text("{ ".to_owned()));
                    for mutant in &deletions {
                        parts.push(Part::Mutant(mutant.number, String::new()));
                    }
                    let range = self.edits.range(guard.span());
                    self.edits.wrap(range, parts, " })");
                }
                None if !deletions.is_empty() => {
                    let end = self.edits.range(arm.pat.span()).end;
                    let parts = deletions
                        .iter()
                        .map(|mutant| {
                            Part::Mutant(mutant.number, format!(" if !{} ", on(mutant.number)))
                        })
                        .collect();
                    self.edits.insert(end, parts);
                }
                _ => {}
            }
        }
    }

    fn visit_expr_struct(&mut self, expression: &'ast syn::ExprStruct) {
        visit::visit_expr_struct(self, expression);
        let mut choices = Vec::new();
        for field in &expression.fields {
            for mutant in self.at("StructField", field.span()) {
                let mut without = expression.clone();
                without.fields = expression
                    .fields
                    .iter()
                    .filter(|other| other.member != field.member)
                    .cloned()
                    .collect();
                choices.push((mutant.number, text(&without)));
            }
        }
        self.choose(expression.span(), choices);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.constant(|weaver| visit::visit_item_const(weaver, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.constant(|weaver| visit::visit_item_static(weaver, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.constant(|weaver| visit::visit_impl_item_const(weaver, item));
    }

    fn visit_trait_item_const(&mut self, item: &'ast syn::TraitItemConst) {
        self.constant(|weaver| visit::visit_trait_item_const(weaver, item));
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.constant(|weaver| visit::visit_variant(weaver, variant));
    }

    fn visit_expr_const(&mut self, block: &'ast syn::ExprConst) {
        self.constant(|weaver| visit::visit_expr_const(weaver, block));
    }

    fn visit_type_array(&mut self, array: &'ast syn::TypeArray) {
        self.constant(|weaver| visit::visit_type_array(weaver, array));
    }

    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
        self.constant(|weaver| weaver.visit_expr(&repeat.len));
    }

    fn visit_generic_argument(&mut self, argument: &'ast syn::GenericArgument) {
        self.constant(|weaver| visit::visit_generic_argument(weaver, argument));
    }

    fn visit_pat(&mut self, pattern: &'ast syn::Pat) {
        self.constant(|weaver| visit::visit_pat(weaver, pattern));
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let text = attribute.to_token_stream().to_string();
        text == "# [test]" || text.replace(' ', "") == "#[cfg(test)]"
    })
}
