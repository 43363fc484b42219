//! Tests of the names of keys.

use super::*;
use proptest::prelude::*;

#[test]
fn a_name_says_where_the_key_is_and_how_to_get_at_it() {
    let text = "pkcs11:token=The%20HSM;serial=0a1;manufacturer=m;model=x;object=sync;id=%00%fF;\
        type=private?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/pin";
    let uri: Uri = text.parse().unwrap();
    assert_eq!(uri.token.as_deref(), Some("The HSM"));
    assert_eq!(uri.serial.as_deref(), Some("0a1"));
    assert_eq!(uri.manufacturer.as_deref(), Some("m"));
    assert_eq!(uri.model.as_deref(), Some("x"));
    assert_eq!(uri.object.as_deref(), Some("sync"));
    assert_eq!(uri.id.as_deref(), Some(&[0, 255][..]));
    let module = uri.module.clone().unwrap();
    assert_eq!(module.to_str(), Some("/usr/lib/softhsm/libsofthsm2.so"));
    assert_eq!(uri.pin.as_ref().unwrap().to_str(), Some("/etc/pin"));
    assert!(!uri.to_string().contains("/etc/pin"));
    let plain: Uri = "pkcs11:object=a?pin-source=/etc/pin".parse().unwrap();
    assert_eq!(plain.pin.unwrap().to_str(), Some("/etc/pin"));
}

#[test]
fn what_names_no_key_says_why_and_repeats_no_pin() {
    for (text, why) in [
        ("file:a", "does not begin with `pkcs11:`"),
        ("pkcs11:", "neither `object` nor `id`"),
        ("pkcs11:token=a", "neither `object` nor `id`"),
        ("pkcs11:object=a;object=b", "`object` twice"),
        ("pkcs11:object", "without a value"),
        ("pkcs11:object=%4", "without two hexadecimal digits"),
        ("pkcs11:object=%zz", "without two hexadecimal digits"),
        ("pkcs11:object=%ff", "not UTF-8"),
        ("pkcs11:object=a;type=cert", "other than `private`"),
        (
            "pkcs11:object=a;slot-id=1",
            "`slot-id`, which is not understood",
        ),
        ("pkcs11:object=a?pin-value=1234", "the PIN itself"),
        ("pkcs11:object=a?pin-source=|ask", "no file"),
        (
            "pkcs11:object=a?module-name=x",
            "`module-name`, which is not understood",
        ),
    ] {
        let said = text.parse::<Uri>().unwrap_err().to_string();
        assert!(said.contains(why), "{text}: {said}");
        assert!(!said.contains("1234"), "{said}");
    }
}

proptest! {
    #[test]
    fn no_text_is_too_much_for_it(text in "(pkcs11:)?[a-z=;?&%/0-9é]{0,40}") {
        if let Ok(uri) = text.parse::<Uri>() {
            prop_assert!(uri.object.is_some() || uri.id.is_some());
        }
    }
}
