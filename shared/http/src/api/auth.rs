//! Who calls, and whose objects the call may touch. The only place where tenants are kept apart:
//! a handler gets at another merchant's object only through a [`Tenant`], and only [`scoped`]
//! makes one.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use postback_domain::ids::MerchantId;
use postback_domain::key::{ApiKey, Scope, Token, TokenDigest};
use postback_domain::time::Timestamp;
use postback_engine::ports::catalog::Catalog;
use subtle::ConstantTimeEq;

use super::quota::Told;
use super::{Api, ApiPorts};
use crate::problem::Problem;

/// How exactly a key's last use is known. A busy key costs one write in this time.
const LAST_USED_PRECISION: Duration = Duration::from_secs(60);

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The operator.
    Admin,
    /// Somebody with a merchant's key whose scopes allow the method.
    Merchant(MerchantId),
}

/// Proof that the operator calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admin;

/// Whose objects a call may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tenant(Option<MerchantId>);

/// The tenant of a call: a merchant's own, whatever it asks for; the one the operator asks for, or
/// all of them.
///
/// # Errors
/// When a merchant asks for another: it learns as much as if there were no such merchant.
pub(crate) fn scoped(caller: Caller, asked: Option<MerchantId>) -> Result<Tenant, Problem> {
    match (caller, asked) {
        (Caller::Merchant(own), Some(asked)) if asked != own => Err(Problem::NotFound("merchant")),
        (Caller::Merchant(own), _) => Ok(Tenant(Some(own))),
        (Caller::Admin, asked) => Ok(Tenant(asked)),
    }
}

impl Tenant {
    /// For lists that an operator may see of all merchants.
    pub(crate) fn filter(self) -> Option<MerchantId> {
        self.0
    }

    /// For what always belongs to one merchant, which an operator must name.
    pub(crate) fn merchant(self) -> Result<MerchantId, Problem> {
        self.0.ok_or_else(|| Problem::missing("merchant_id"))
    }

    /// Lets an object of `owner` through; any other is not there.
    pub(crate) fn owns(self, owner: MerchantId, what: &'static str) -> Result<(), Problem> {
        match self.0 {
            Some(tenant) if tenant != owner => Err(Problem::NotFound(what)),
            _ => Ok(()),
        }
    }
}

impl<P: ApiPorts> FromRequestParts<Api<P>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api<P>) -> Result<Self, Problem> {
        // Of a request that is carried out once, `idempotency` has asked before.
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(*caller);
        }
        let presented = bearer(&parts.headers).ok_or(Problem::Unauthenticated)?;
        if same(TokenDigest::of(presented), api.settings.admin_key) {
            return Ok(Self::Admin);
        }
        let token: Token = presented.parse().map_err(|_| Problem::Unauthenticated)?;
        let key = api.store().read_key(token.key_id()).await?.ok_or(Problem::Unauthenticated)?;
        let now = api.now();
        if !same(token.digest(), key.digest) || !key.is_live(now) {
            return Err(Problem::Unauthenticated);
        }
        let left = api.quotas.count(key.id, now);
        if let Some(told) = parts.extensions.get::<Told>() {
            told.tell(left);
        }
        if !left.is_within {
            return Err(Problem::RateLimited { retry_after_s: left.resets_in_s });
        }
        let needed = needed_scope(&parts.method);
        let may_pull = is_pull(parts.uri.path()) && key.scopes.contains(&Scope::Pull);
        if !key.scopes.contains(&needed) && !may_pull {
            return Err(Problem::ScopeMissing(needed));
        }
        if is_touch_due(&key, now)
            && let Err(error) = api.store().touch_key(key.id, now).await
        {
            // The note is for people; the call itself does not depend on it.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                key.id = %key.id,
                "could not note the use of {}",
                key.id
            );
        }
        Ok(Self::Merchant(key.merchant_id))
    }
}

impl<P: ApiPorts> FromRequestParts<Api<P>> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api<P>) -> Result<Self, Problem> {
        match Caller::from_request_parts(parts, api).await? {
            Caller::Admin => Ok(Self),
            Caller::Merchant(_) => Err(Problem::AdminOnly),
        }
    }
}

/// The one bearer token of a request. Two `authorization` lines are none: a proxy may have read
/// the other one.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let line = lines.next().filter(|_| lines.next().is_none())?;
    let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn same(left: TokenDigest, right: TokenDigest) -> bool {
    left.0.ct_eq(&right.0).into()
}

fn needed_scope(method: &Method) -> Scope {
    if matches!(*method, Method::GET | Method::HEAD) { Scope::Read } else { Scope::Write }
}

/// Whether a key for pulling opens it, whatever the method. A path that is none of these to the
/// letter is none of these: no router takes it for one.
fn is_pull(path: &str) -> bool {
    matches!(path, "/v1/account" | "/v1/failed/claim" | "/v1/failed/ack")
}

fn is_touch_due(key: &ApiKey, now: Timestamp) -> bool {
    key.last_used_at.is_none_or(|last| now.since(last) >= LAST_USED_PRECISION)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: MerchantId = MerchantId::from_bits(1);
    const B: MerchantId = MerchantId::from_bits(2);

    #[test]
    fn tenants_never_meet() {
        for (caller, asked, expected) in [
            (Caller::Admin, None, Some(Tenant(None))),
            (Caller::Admin, Some(A), Some(Tenant(Some(A)))),
            (Caller::Merchant(A), None, Some(Tenant(Some(A)))),
            (Caller::Merchant(A), Some(A), Some(Tenant(Some(A)))),
            (Caller::Merchant(A), Some(B), None),
        ] {
            assert_eq!(scoped(caller, asked).ok(), expected, "{caller:?} asks for {asked:?}");
        }
        for (tenant, owner, passes) in
            [(Tenant(None), B, true), (Tenant(Some(B)), B, true), (Tenant(Some(A)), B, false)]
        {
            assert_eq!(tenant.owns(owner, "event").is_ok(), passes, "{tenant:?}, {owner}");
        }
        assert!(Tenant(None).merchant().is_err());
    }

    #[test]
    fn one_bearer_token_or_none() {
        for (lines, expected) in [
            (&["Bearer abc"][..], Some("abc")),
            (&["bearer  abc "], Some("abc")),
            (&[], None),
            (&["Basic abc"], None),
            (&["Bearer"], None),
            (&["abc"], None),
            (&["Bearer abc", "Bearer abc"], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::AUTHORIZATION, line.parse().unwrap());
            }
            assert_eq!(bearer(&headers), expected, "{lines:?}");
        }
    }

    #[test]
    fn get_needs_read_and_the_rest_needs_write() {
        for (method, scope) in [
            (Method::GET, Scope::Read),
            (Method::HEAD, Scope::Read),
            (Method::POST, Scope::Write),
            (Method::PATCH, Scope::Write),
            (Method::DELETE, Scope::Write),
            (Method::OPTIONS, Scope::Write),
        ] {
            assert_eq!(needed_scope(&method), scope, "{method}");
        }
    }

    #[test]
    fn a_use_is_noted_at_most_once_a_minute() {
        let at = Timestamp::from_millis;
        let key = |last_used_at| ApiKey {
            id: postback_domain::ids::KeyId::from_bits(1),
            merchant_id: A,
            name: postback_domain::text::Label::parse("key").unwrap(),
            scopes: vec![],
            digest: TokenDigest([0; 32]),
            created_at: at(0),
            expires_at: None,
            last_used_at,
        };
        assert!(is_touch_due(&key(None), at(0)));
        assert!(!is_touch_due(&key(Some(at(1_000))), at(60_999)));
        assert!(is_touch_due(&key(Some(at(1_000))), at(61_000)));
        assert!(!is_touch_due(&key(Some(at(99_000))), at(0)), "a clock that jumped back");
    }
}
