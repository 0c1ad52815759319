//! A queue of the stack, and what an operator does with it. Looking into a dead-letter queue takes
//! nothing out of it.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use postback_acceptance::clock::{eventually, within};
use serde_json::{Value, json};

use crate::stage::wait;

/// The most that one receive or one batch holds.
const TOGETHER_MAX: usize = 10;

/// How long a look hides what it sees; it is shown again right after.
const LOOK: Duration = Duration::from_secs(30);

/// How long SQS may take to move a message to the dead letters; a few times what it needs.
const MOVES_WITHIN: Duration = Duration::from_secs(30);

pub(crate) struct Queue {
    client: Client,
    url: String,
}

/// How often and how soon a queue hands a message out that is not deleted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Giving {
    pub(crate) hidden: Duration,
    pub(crate) receives_max: u32,
}

/// A message that was seen in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) body: String,
    /// The queue that has given it up.
    pub(crate) came_from: Option<String>,
    receipt: String,
}

impl Queue {
    pub(crate) fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    pub(crate) fn arn(&self) -> String {
        self.attribute(QueueAttributeName::QueueArn)
    }

    /// Sends a message and answers with its id.
    pub(crate) fn send(&self, body: &str) -> String {
        let sent = self.client.send_message().queue_url(&self.url).message_body(body).send();
        wait(sent).expect("the queue takes a message").message_id.expect("it has an id")
    }

    /// Sends up to ten messages in one call, so that they are received together.
    pub(crate) fn send_together(&self, bodies: &[String]) {
        assert!(bodies.len() <= TOGETHER_MAX, "{} messages are no batch", bodies.len());
        let entries = bodies.iter().enumerate().map(|(number, body)| {
            let entry = SendMessageBatchRequestEntry::builder();
            entry.id(number.to_string()).message_body(body).build().expect("it has id and body")
        });
        let request = self.client.send_message_batch().queue_url(&self.url);
        let sent = wait(request.set_entries(Some(entries.collect())).send());
        let failed = sent.expect("the queue takes a batch").failed;
        assert!(failed.is_empty(), "{failed:?}");
    }

    /// Forgets all of its messages.
    pub(crate) fn purge(&self) {
        wait(self.client.purge_queue().queue_url(&self.url).send()).expect("a queue is purged");
    }

    /// How many messages it has: visible, hidden and delayed.
    pub(crate) fn depth(&self) -> usize {
        let counts = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        counts.map(|name| self.attribute(name).parse::<usize>().expect("a number")).iter().sum()
    }

    /// Does something that sends messages, and waits until they are worked and deleted.
    pub(crate) fn drained_after<T>(&self, send: impl FnOnce() -> T) -> T {
        let before = self.depth();
        let sent = send();
        eventually("the messages are worked", || match self.depth() {
            depth if depth <= before => Ok(()),
            depth => Err(format!("{depth} messages, {before} of them older")),
        });
        sent
    }

    /// Waits until it holds so many messages that mention `whom`.
    pub(crate) fn wait_for(&self, count: usize, whom: &str) -> Vec<Seen> {
        within(MOVES_WITHIN, &format!("{count} messages about {whom}"), || {
            let seen = self.about(whom);
            if seen.len() >= count { Ok(seen) } else { Err(format!("{seen:?}")) }
        })
    }

    /// Every message that mentions `whom`. For queues that no function reads.
    pub(crate) fn about(&self, whom: &str) -> Vec<Seen> {
        let mut seen = Vec::new();
        loop {
            let messages = self.receive();
            if messages.is_empty() {
                break;
            }
            seen.extend(messages);
        }
        for message in &seen {
            let shown = self.client.change_message_visibility().queue_url(&self.url);
            let shown = shown.receipt_handle(&message.receipt).visibility_timeout(0);
            wait(shown.send()).expect("a message can be shown again");
        }
        seen.retain(|message| message.body.contains(whom));
        seen
    }

    /// Sends a message of this queue to another one and deletes it here, as SQS does when an
    /// operator asks for a redrive. The emulator lacks that call.
    pub(crate) fn redrive(&self, seen: &Seen, to: &Self) {
        to.send(&seen.body);
        self.delete(seen);
    }

    /// Deletes every message that mentions `whom`.
    pub(crate) fn forget(&self, whom: &str) {
        self.about(whom).iter().for_each(|seen| self.delete(seen));
    }

    fn delete(&self, seen: &Seen) {
        let request = self.client.delete_message().queue_url(&self.url);
        wait(request.receipt_handle(&seen.receipt).send()).expect("a message is deleted");
    }

    /// Changes how it hands messages out, for receives to come.
    pub(crate) fn give(&self, giving: Giving) -> Result<(), String> {
        let policy = self.attribute(QueueAttributeName::RedrivePolicy);
        let mut policy: Value = serde_json::from_str(&policy).map_err(|error| error.to_string())?;
        policy["maxReceiveCount"] = json!(giving.receives_max);
        let hidden = giving.hidden.as_secs().to_string();
        let request = self
            .client
            .set_queue_attributes()
            .queue_url(&self.url)
            .attributes(QueueAttributeName::RedrivePolicy, policy.to_string())
            .attributes(QueueAttributeName::VisibilityTimeout, hidden);
        wait(request.send()).map(|_| ()).map_err(|error| format!("{error:?}"))
    }

    fn receive(&self) -> Vec<Seen> {
        let request = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .visibility_timeout(LOOK.as_secs() as i32)
            .message_system_attribute_names(MessageSystemAttributeName::All);
        let answer = wait(request.send()).expect("a queue can be received from");
        let seen = answer.messages.unwrap_or_default().into_iter().map(|message| {
            let source = MessageSystemAttributeName::DeadLetterQueueSourceArn;
            Seen {
                came_from: message.attributes.and_then(|mut all| all.remove(&source)),
                id: message.message_id.expect("a message has an id"),
                body: message.body.expect("a message has a body"),
                receipt: message.receipt_handle.expect("a received message has a receipt"),
            }
        });
        seen.collect()
    }

    fn attribute(&self, name: QueueAttributeName) -> String {
        let request = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = wait(request.attribute_names(name.clone()).send()).expect("a queue is there");
        let value = answer.attributes.and_then(|mut all| all.remove(&name));
        value.unwrap_or_else(|| panic!("the queue has no {name}"))
    }
}
