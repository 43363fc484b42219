//! One module, its tokens and what is open there.

use super::{Named, shown};
use crate::apps::key::Fingerprint;
use crate::types::{Secret, SecretSource};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::RawAuthPin;
use std::collections::BTreeMap;
use std::path::Path;

type Public = RsaPublicKeyComponents<Vec<u8>>;

/// A module that is loaded, and its keys.
pub(super) struct Library {
    context: Pkcs11,
    /// Whether it takes questions.
    ready: bool,
    keys: Vec<Named>,
    open: BTreeMap<usize, Open>,
    /// By the token's serial number, the PIN that it refused.
    refused: BTreeMap<String, Secret>,
}

/// A session, and the key in it.
struct Open {
    session: Session,
    key: ObjectHandle,
}

impl Library {
    pub(super) fn load(module: &Path) -> Result<Self, String> {
        let path = shown(module);
        let context = Pkcs11::new(module).map_err(|why| {
            format!(
                "`{path}` cannot be loaded as a PKCS#11 module: {}",
                told(&why)
            )
        })?;
        Ok(Self {
            context,
            ready: false,
            keys: Vec::new(),
            open: BTreeMap::new(),
            refused: BTreeMap::new(),
        })
    }

    /// Takes a key in, if it is there and can sign: its number here, and its name at GitHub.
    pub(super) fn add(&mut self, key: Named) -> Result<(usize, Fingerprint), String> {
        let number = self.keys.len();
        self.keys.push(key);
        let open = self.enter(number)?;
        let public = public(&open.session, open.key)?;
        let tried = b"hubgate";
        let signature = open.sign(tried).map_err(|why| cannot_sign(&why))?;
        let good = public.verify(&RSA_PKCS1_2048_8192_SHA256, tried, &signature);
        if good.is_err() {
            let why =
                "what it signs is not what its public half says; expected RSA of 2048 bits or more";
            return Err(why.to_owned());
        }
        let der: PublicKeyX509Der<'_> = public
            .as_der()
            .map_err(|_unspecified| "its public half is not RSA's".to_owned())?;
        let print = Fingerprint::of(der.as_ref()).ok_or("it has no fingerprint")?;
        self.open.insert(number, open);
        Ok((number, print))
    }

    /// RS256 over a message. What was lost meanwhile is opened anew, once.
    pub(super) fn sign(&mut self, number: usize, message: &[u8]) -> Result<Vec<u8>, String> {
        if let Some(open) = self.open.get(&number) {
            match open.sign(message) {
                Ok(signature) => return Ok(signature),
                Err(why) => {
                    tracing::info!("the module is begun anew, since it failed: {}", told(&why));
                    self.leave();
                }
            }
        }
        let open = self.enter(number).inspect_err(|_why| self.leave())?;
        let signature = open.sign(message).map_err(|why| cannot_sign(&why))?;
        self.open.insert(number, open);
        Ok(signature)
    }

    /// Ends all that is open, and the module's own state: some come to life again only so.
    fn leave(&mut self) {
        self.open.clear();
        if std::mem::take(&mut self.ready)
            && let Err(why) = self.context.clone().finalize()
        {
            tracing::debug!("a module cannot be ended: {}", told(&why));
        }
    }

    fn enter(&mut self, number: usize) -> Result<Open, String> {
        if !self.ready {
            let begun = self
                .context
                .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
            match begun {
                Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
                Err(why) => return Err(format!("the module cannot be begun: {}", told(&why))),
            }
            self.ready = true;
        }
        let Some(key) = self.keys.get(number).cloned() else {
            return Err("there is no such key".to_owned());
        };
        let (slot, token) = self.find(&key)?;
        let session = self
            .context
            // It ends with the module's state; one that the module has lost cannot be closed.
            .open_ro_session_no_drop(slot)
            .map_err(|why| format!("no session can be opened: {}", told(&why)))?;
        self.log_in(&session, &token, key.pin.as_ref())?;
        let logged_in = key.pin.is_some();
        let key = find_key(&session, &key, logged_in)?;
        Ok(Open { session, key })
    }

    /// The one token that fits.
    fn find(&self, key: &Named) -> Result<(Slot, TokenInfo), String> {
        let cannot = |why: &Error| format!("tokens cannot be listed: {}", told(why));
        let slots = self.context.get_slots_with_token();
        let (mut fitting, mut others) = (Vec::new(), Vec::new());
        for slot in slots.map_err(|why| cannot(&why))? {
            let Ok(token) = self.context.get_token_info(slot) else {
                continue;
            };
            if !token.token_initialized() {
                continue;
            }
            let is = |wanted: &Option<String>, found: &str| {
                wanted.as_deref().is_none_or(|wanted| wanted == found)
            };
            let uri = &key.uri;
            if is(&uri.token, token.label())
                && is(&uri.serial, token.serial_number())
                && is(&uri.manufacturer, token.manufacturer_id())
                && is(&uri.model, token.model())
            {
                fitting.push((slot, token));
            } else {
                others.push(format!("`{}`", token.label().escape_debug()));
            }
        }
        match (fitting.pop(), fitting.len()) {
            (Some(found), 0) => Ok(found),
            (Some(_), more) => Err(format!(
                "{} tokens fit, expected one: name its `serial`",
                more + 1
            )),
            (None, _) if others.is_empty() => Err("the module has no token".to_owned()),
            (None, _) => Err(format!(
                "no token fits; the module has {}",
                others.join(" and ")
            )),
        }
    }

    fn log_in(
        &mut self,
        session: &Session,
        token: &TokenInfo,
        pin: Option<&SecretSource>,
    ) -> Result<(), String> {
        let (serial, label) = (token.serial_number(), token.label().escape_debug());
        let done = match pin {
            None if token.protected_authentication_path() => session.login(UserType::User, None),
            // What is public is there without one.
            None => return Ok(()),
            Some(source) => {
                let pin = source.read().map_err(|why| why.to_string())?;
                let same = |before: &Secret| {
                    verify_slices_are_equal(before.expose(), pin.expose()).is_ok()
                };
                if self.refused.get(serial).is_some_and(same) {
                    return Err(format!(
                        "the token `{label}` refused this PIN before, and it is not tried again, \
                         since a token closes after some tries: put the right one into its file"
                    ));
                }
                let raw = RawAuthPin::new(Box::new(pin.expose().to_vec()));
                let done = session.login_with_raw(UserType::User, &raw);
                if let Err(Error::Pkcs11(
                    RvError::PinIncorrect | RvError::PinLenRange | RvError::PinInvalid,
                    _,
                )) = &done
                {
                    self.refused.insert(serial.to_owned(), pin);
                }
                done
            }
        };
        match done {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
                self.refused.remove(serial);
                Ok(())
            }
            Err(Error::Pkcs11(RvError::PinLocked, _)) => Err(format!(
                "the token `{label}` is locked, after too many wrong PINs: its security officer can \
                 set a new one"
            )),
            Err(why) => Err(format!(
                "the token `{label}` does not take the PIN: {}",
                told(&why)
            )),
        }
    }
}

impl Open {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.session
            .sign(&Mechanism::Sha256RsaPkcs, self.key, message)
    }
}

/// The one private key that fits.
fn find_key(session: &Session, key: &Named, logged_in: bool) -> Result<ObjectHandle, String> {
    let mut template = vec![
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(KeyType::RSA),
    ];
    let label = key.uri.object.as_ref();
    template.extend(label.map(|label| Attribute::Label(label.clone().into_bytes())));
    template.extend(key.uri.id.clone().map(Attribute::Id));
    let found = session
        .find_objects(&template)
        .map_err(|why| format!("keys cannot be listed: {}", told(&why)))?;
    let handle = match found.as_slice() {
        [one] => *one,
        [] if logged_in => return Err("there is no such RSA private key in the token".to_owned()),
        [] => {
            let why = "there is no such RSA private key in the token, as far as it shows any \
                without a PIN: name the PIN's file";
            return Err(why.to_owned());
        }
        several => {
            return Err(format!(
                "{} private keys fit, expected one: name its `id`",
                several.len()
            ));
        }
    };
    let asked = session.get_attributes(handle, &[AttributeType::AlwaysAuthenticate]);
    if asked.is_ok_and(|known| known.contains(&Attribute::AlwaysAuthenticate(true))) {
        let why = "it wants its PIN at every signature, which nobody is here to type";
        return Err(why.to_owned());
    }
    Ok(handle)
}

/// The public half, as the private one tells it; its exponent may stand beside it alone.
fn public(session: &Session, key: ObjectHandle) -> Result<Public, String> {
    let mut found = numbers(session, key)?;
    if found.1.is_empty() {
        let beside = beside(session, key).map_err(|why| no_public(&why))?;
        if let Some(beside) = beside {
            found = numbers(session, beside)?;
        }
    }
    match found {
        (n, e) if n.is_empty() || e.is_empty() => {
            let why = "the token tells nothing of its public half: put the public key beside it, \
                under the same `id`";
            Err(why.to_owned())
        }
        (n, e) => Ok(RsaPublicKeyComponents { n, e }),
    }
}

/// Modulus and exponent without leading zeros, empty where they are not told.
fn numbers(session: &Session, object: ObjectHandle) -> Result<(Vec<u8>, Vec<u8>), String> {
    let wanted = [AttributeType::Modulus, AttributeType::PublicExponent];
    let known = session.get_attributes(object, &wanted);
    let (mut n, mut e) = (Vec::new(), Vec::new());
    for attribute in known.map_err(|why| no_public(&why))? {
        let plain = |bytes: &[u8]| {
            let first = bytes.iter().position(|byte| *byte != 0);
            bytes
                .get(first.unwrap_or(bytes.len())..)
                .unwrap_or_default()
                .to_vec()
        };
        if let Attribute::Modulus(bytes) = &attribute {
            n = plain(bytes);
        } else if let Attribute::PublicExponent(bytes) = &attribute {
            e = plain(bytes);
        }
    }
    Ok((n, e))
}

fn beside(session: &Session, key: ObjectHandle) -> Result<Option<ObjectHandle>, Error> {
    for attribute in session.get_attributes(key, &[AttributeType::Id])? {
        if let Attribute::Id(id) = attribute {
            let template = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Id(id)];
            return Ok(session.find_objects(&template)?.first().copied());
        }
    }
    Ok(None)
}

fn no_public(why: &Error) -> String {
    format!("its public half cannot be read: {}", told(why))
}

fn cannot_sign(why: &Error) -> String {
    format!("it does not sign by CKM_SHA256_RSA_PKCS: {}", told(why))
}

/// What a module answered, as its manual calls it.
fn told(why: &Error) -> String {
    if let Error::Pkcs11(answer, function) = why {
        return format!("C_{function:?} answers {answer:?}");
    }
    if let Error::LibraryLoading(why) = why {
        return why.to_string();
    }
    why.to_string()
}
