// SPDX-License-Identifier: LGPL-2.1-or-later
use proc_macro::{TokenStream, TokenTree};

/// Gives the type a constant NAME.
#[proc_macro_derive(Named)]
pub fn named(item: TokenStream) -> TokenStream {
    let mut idents = item.into_iter().filter_map(|t| match t {
        TokenTree::Ident(i) => Some(i.to_string()),
        _ => None,
    });
    let name = idents.find(|i| i == "struct").and(idents.next()).unwrap();
    format!("impl {name} {{ pub const NAME: &'static str = \"{name}\"; }}")
        .parse()
        .unwrap()
}
