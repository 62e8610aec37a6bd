//! Parts of memory, taken without a panic: what does not exist is empty.
//!
//! Each function is one place for the bounds that a slice expression would check, and panic for,
//! at every use. On boards they stay functions of their own: small, and the one caller of what
//! they call, so that its checks are seen to hold.

/// The octet at `at`. A slice has no constant `get`.
#[inline]
pub(crate) const fn at(octets: &[u8], at: usize) -> Option<u8> {
    match octets.split_at_checked(at) {
        Some((_, [octet, ..])) => Some(*octet),
        _ => None,
    }
}

/// `len` octets from `from` on.
#[cfg_attr(not(target_os = "none"), inline)]
#[cfg_attr(target_os = "none", inline(never))]
pub(crate) fn part(octets: &[u8], from: usize, len: usize) -> &[u8] {
    octets
        .split_at_checked(from)
        .and_then(|(_, rest)| rest.split_at_checked(len))
        .map_or(&[], |(part, _)| part)
}

/// `len` octets from `from` on.
#[cfg_attr(not(target_os = "none"), inline)]
#[cfg_attr(target_os = "none", inline(never))]
pub(crate) fn part_mut(octets: &mut [u8], from: usize, len: usize) -> &mut [u8] {
    octets
        .split_at_mut_checked(from)
        .and_then(|(_, rest)| rest.split_at_mut_checked(len))
        .map_or(&mut [], |(part, _)| part)
}

/// What stands from `from` on.
#[cfg_attr(not(target_os = "none"), inline)]
#[cfg_attr(target_os = "none", inline(never))]
pub(crate) fn rest(octets: &[u8], from: usize) -> &[u8] {
    octets.split_at_checked(from).map_or(&[], |(_, rest)| rest)
}

/// What stands from `from` on.
#[cfg(not(target_os = "none"))]
#[inline]
pub(crate) fn rest_mut(octets: &mut [u8], from: usize) -> &mut [u8] {
    octets.get_mut(from..).unwrap_or_default()
}

/// Copies `from` to `octets`, from `at` on, and gives its place. `None`: it does not fit, and nothing
/// was copied.
#[cfg_attr(not(target_os = "none"), inline)]
#[cfg_attr(target_os = "none", inline(never))]
pub(crate) fn put<'a>(octets: &'a mut [u8], at: usize, from: &[u8]) -> Option<&'a mut [u8]> {
    let target = part_mut(octets, at, from.len());
    if target.len() == from.len() {
        target.copy_from_slice(from);
        Some(target)
    } else {
        None
    }
}

/// Moves what stands in `from..until` to the left, to `to`.
#[cfg_attr(not(target_os = "none"), inline)]
#[cfg_attr(target_os = "none", inline(never))]
pub(crate) fn slide(octets: &mut [u8], from: usize, until: usize, to: usize) {
    if let Some(octets) = octets.get_mut(to..until) {
        let by = from.wrapping_sub(to);
        if by < octets.len() {
            octets.copy_within(by.., 0);
        }
    }
}
