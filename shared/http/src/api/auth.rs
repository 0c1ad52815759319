//! Who calls, and whose objects the call may touch. The only place where tenants are kept apart:
//! a handler gets at another merchant's object only through a [`Tenant`], and only [`scoped`]
//! makes one.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use postback_domain::audit::Actor;
use postback_domain::ids::{MerchantId, PortalTokenId};
use postback_domain::key::{ApiKey, Scope, Token, TokenDigest};
use postback_domain::portal::PortalToken;
use postback_domain::time::Timestamp;
use postback_engine::ports::catalog::Catalog;
use subtle::ConstantTimeEq;

use super::quota::Told;
use super::{Api, ApiPorts};
use crate::problem::Problem;

/// How exactly a key's last use is known. A busy key costs one write in this time.
const LAST_USED_PRECISION: Duration = Duration::from_secs(60);

/// Who presents what, before it is asked what that opens. Asked for once a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The operator.
    Operator,
    /// Somebody with a merchant's key or portal token.
    Holder { merchant: MerchantId, actor: Actor, scopes: Vec<Scope> },
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The operator.
    Admin,
    /// Somebody with a merchant's key whose scopes allow the method.
    Merchant(MerchantId),
}

/// Who administers a merchant: the operator any, somebody with a key of the scope `admin` its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steward(pub(crate) Caller);

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

impl Steward {
    /// Lets him through to this merchant.
    ///
    /// # Errors
    /// As [`scoped`].
    pub(crate) fn over(self, merchant: MerchantId) -> Result<(), Problem> {
        scoped(self.0, Some(merchant)).map(drop)
    }
}

impl<P: ApiPorts> FromRequestParts<Api<P>> for Identity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api<P>) -> Result<Self, Problem> {
        if let Some(identity) = parts.extensions.get::<Self>() {
            return Ok(identity.clone());
        }
        let presented = bearer(&parts.headers).ok_or(Problem::Unauthenticated)?;
        let identity = if same(TokenDigest::of(presented), api.settings.admin_key) {
            Some(Self::Operator)
        } else if let Ok(token) = presented.parse() {
            api.holder_of_key(&token).await?
        } else if let Ok(token) = presented.parse() {
            api.holder_of_portal_token(&token).await?
        } else {
            None
        };
        let identity = identity.ok_or(Problem::Unauthenticated)?;
        if let Self::Holder { actor, .. } = &identity {
            let left = api.quotas.count(*actor, api.now());
            if let Some(told) = parts.extensions.get::<Told>() {
                told.tell(left);
            }
            if !left.is_within {
                return Err(Problem::RateLimited { retry_after_s: left.resets_in_s });
            }
        }
        parts.extensions.insert(identity.clone());
        Ok(identity)
    }
}

impl<P: ApiPorts> Api<P> {
    async fn holder_of_key(&self, token: &Token) -> Result<Option<Identity>, Problem> {
        let now = self.now();
        let key = self.store().read_key(token.id()).await?;
        let is_it = |key: &ApiKey| same(token.digest(), key.digest) && key.is_live(now);
        let Some(key) = key.filter(is_it) else { return Ok(None) };
        if is_touch_due(&key, now)
            && let Err(error) = self.store().touch_key(key.id, now).await
        {
            // The note is for people; the call itself does not depend on it.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                key.id = %key.id,
                "could not note the use of {}",
                key.id
            );
        }
        let (merchant, actor) = (key.merchant_id, Actor::Key(key.id));
        Ok(Some(Identity::Holder { merchant, actor, scopes: key.scopes }))
    }

    async fn holder_of_portal_token(
        &self,
        token: &Token<PortalTokenId>,
    ) -> Result<Option<Identity>, Problem> {
        let now = self.now();
        let kept = self.store().read_portal_token(token.id()).await?;
        let is_it = |kept: &PortalToken| same(token.digest(), kept.digest) && kept.is_live(now);
        Ok(kept.filter(is_it).map(|kept| Identity::Holder {
            merchant: kept.merchant_id,
            actor: Actor::Portal(kept.id),
            scopes: PortalToken::SCOPES.to_vec(),
        }))
    }
}

impl<P: ApiPorts> FromRequestParts<Api<P>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api<P>) -> Result<Self, Problem> {
        match Identity::from_request_parts(parts, api).await? {
            Identity::Operator => Ok(Self::Admin),
            Identity::Holder { merchant, scopes, .. } => {
                let needed = needed_scope(&parts.method);
                let may_pull = is_pull(parts.uri.path()) && scopes.contains(&Scope::Pull);
                if scopes.contains(&needed) || may_pull {
                    Ok(Self::Merchant(merchant))
                } else {
                    Err(Problem::ScopeMissing(needed))
                }
            }
        }
    }
}

impl<P: ApiPorts> FromRequestParts<Api<P>> for Steward {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api<P>) -> Result<Self, Problem> {
        match Identity::from_request_parts(parts, api).await? {
            Identity::Operator => Ok(Self(Caller::Admin)),
            Identity::Holder { merchant, scopes, .. } if scopes.contains(&Scope::Admin) => {
                Ok(Self(Caller::Merchant(merchant)))
            }
            Identity::Holder { .. } => Err(Problem::ScopeMissing(Scope::Admin)),
        }
    }
}

impl<P: ApiPorts> FromRequestParts<Api<P>> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api<P>) -> Result<Self, Problem> {
        match Identity::from_request_parts(parts, api).await? {
            Identity::Operator => Ok(Self),
            // Whatever its scopes: none would open this.
            Identity::Holder { .. } => Err(Problem::AdminOnly),
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
