//! What every store must do, written against the engine's ports alone. An adapter joins with one
//! line in its own tests:
//!
//! ```ignore
//! postback_contract::suite!(fresh_store);
//! ```
//!
//! where `fresh_store` is an async function that answers with an empty store, and whatever must
//! live as long as it does. Each case gets a store of its own.
//!
//! Reading order: [`world`] makes nouns and shortens calls; [`cases`] has a file a port.

#![expect(clippy::unwrap_used, reason = "a contract that does not hold ends its test")]

pub mod cases;
pub mod world;

use postback_engine::ports::Store;
use postback_engine::ports::audit::Audit;
use postback_engine::ports::catalog::Catalog;
use postback_engine::ports::history::History;
use postback_engine::ports::idempotency::Idempotency;
use postback_engine::ports::pulls::Pulls;
use postback_engine::ports::recoveries::Recoveries;

/// A store that serves the engine and the API.
pub trait WholeStore:
    Store + Catalog + Audit + History + Pulls + Recoveries + Idempotency + 'static
{
}

impl<S: Store + Catalog + Audit + History + Pulls + Recoveries + Idempotency + 'static> WholeStore
    for S
{
}

/// Makes a test of every case. Takes an async function without arguments that answers with a store
/// and a guard.
#[macro_export]
macro_rules! suite {
    ($fresh:path) => {
        $crate::suite!(@cases $fresh, events: [
            opens_the_plan_leased_to_the_caller,
            opens_without_a_lease_when_the_caller_has_none,
            a_repeat_opens_nothing,
            a_repeat_keeps_the_first_plan,
            other_bytes_are_a_conflict_and_the_first_stand,
            an_event_nobody_wants_does_not_apply,
            one_of_many_admissions_is_new,
            bytes_are_exact,
        ]);
        $crate::suite!(@cases $fresh, deliveries: [
            one_of_many_claims_wins,
            a_lease_that_ran_out_is_taken_over,
            a_claim_must_name_round_and_try,
            success_is_recorded_with_its_attempt,
            a_retry_is_due_and_can_be_claimed,
            waiting_uses_no_try,
            a_settlement_is_recorded_once,
            a_late_settlement_counts_if_nobody_took_over,
            the_message_that_ended_it_bounces_and_a_later_one_redrives,
            the_first_message_after_an_end_outside_the_queue_bounces,
            one_of_two_redrives_reopens,
            reopening_needs_an_end,
            reopening_keeps_the_log,
            waking_makes_waiting_deliveries_due,
            turns_are_given_out_once,
            a_turn_is_waited_for,
        ]);
        $crate::suite!(@cases $fresh, due: [
            rows_come_by_due_time_and_only_when_due,
            ended_rows_are_not_due,
            a_claimed_row_is_due_at_the_end_of_its_lease,
            one_of_two_sweeps_gets_a_row,
            a_row_that_moved_on_is_not_pushed,
        ]);
        $crate::suite!(@cases $fresh, configuration: [
            what_was_written_is_read,
            every_field_survives,
            merchants_are_found_by_their_external_ids,
            changes_are_seen_at_once,
            switching_off_happens_once,
            uses_of_secrets_are_noted,
        ]);
        $crate::suite!(@cases $fresh, catalog: [
            owners_must_exist,
            what_is_there_is_not_created_again,
            a_stale_replacement_is_refused,
            external_ids_are_unique,
            other_merchants_are_not_touched,
            deleted_things_are_gone,
            endpoints_are_limited,
            keys_are_touched,
            portal_tokens_are_kept_until_they_end,
            lists_are_newest_first_and_paged,
        ]);
        $crate::suite!(@cases $fresh, audit: [
            every_change_leaves_its_record,
            what_is_refused_leaves_none,
            every_field_of_a_record_survives,
            the_first_record_of_an_id_stands,
            records_are_newest_first_and_paged,
            records_are_filtered,
            a_narrow_question_finds_what_is_far_back,
        ]);
        $crate::suite!(@cases $fresh, history: [
            deliveries_are_filtered,
            events_are_filtered,
            an_event_shows_its_deliveries,
            pages_meet_every_row_once_while_rows_are_added,
            unreadable_cursors_are_an_empty_page,
        ]);
        $crate::suite!(@cases $fresh, pulls: [
            what_was_given_up_can_be_fetched_by_its_merchant,
            fetchers_get_disjoint_shares,
            what_is_not_acknowledged_comes_back,
            an_acknowledgement_ends_it_via_pull,
            what_is_shelved_can_be_fetched,
            what_nobody_fetches_is_given_up,
            only_its_merchant_acknowledges,
            a_push_in_between_wins,
            a_receipt_that_comes_late_leaves_the_hold,
        ]);
        $crate::suite!(@cases $fresh, recoveries: [
            an_order_is_kept,
            one_at_a_time_goes_on,
            an_order_ends,
            an_order_is_cancelled,
            nobodys_event_becomes_somebodys,
            an_event_for_an_unknown_merchant_is_found_by_its_name,
            what_is_addressed_comes_in_pages,
        ]);
        $crate::suite!(@cases $fresh, idempotency: [
            one_of_many_holds_a_request,
            an_answer_is_given_again,
            an_abandoned_request_is_begun_again_from_its_seed,
            a_request_that_is_let_go_is_begun_again_at_once,
            a_request_that_is_forgotten_leaves_its_id_free,
            a_late_answer_changes_nothing,
            a_record_ends,
        ]);
    };
    (@cases $fresh:path, $port:ident: [$($case:ident,)*]) => {
        mod $port {
            use super::*;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let (store, _guard) = $fresh().await;
                    $crate::cases::$port::$case(store).await;
                }
            )*
        }
    };
}
