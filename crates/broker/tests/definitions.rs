//! `rabbitmq/definitions.json` and `messages::topology` say the same, in both directions.

use messages::topology::{DEAD_DELIVERY_LIMIT, DELIVERY_LIMIT, Exchange, Queue, RETRY_DELAY_MS};
use serde_json::{Value, json};

fn expected() -> Value {
    let queue = |name: String, arguments: Value| json!({ "name": name, "vhost": "/", "durable": true, "auto_delete": false, "arguments": arguments });
    let mut queues = Vec::new();
    let mut bindings = Vec::new();
    for each in Queue::ALL {
        let mut arguments = json!({
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": each.dead_name(),
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        });
        if each.single_active_consumer() {
            arguments["x-single-active-consumer"] = true.into();
        }
        queues.push(queue(each.name().into(), arguments));
        queues.push(queue(
            each.retry_name(),
            json!({
                "x-queue-type": "quorum",
                "x-message-ttl": RETRY_DELAY_MS,
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": each.name(),
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            }),
        ));
        queues.push(queue(
            each.dead_name(),
            json!({ "x-queue-type": "quorum", "x-delivery-limit": DEAD_DELIVERY_LIMIT }),
        ));
        bindings.push(json!({
            "source": each.exchange().name(), "vhost": "/", "destination": each.name(), "destination_type": "queue",
            "routing_key": each.binding(), "arguments": {},
        }));
    }
    let exchange = |exchange: Exchange| {
        json!({
            "name": exchange.name(), "vhost": "/", "type": "topic", "durable": true, "auto_delete": false,
            "internal": false, "arguments": {},
        })
    };
    json!({
        "vhosts": [{ "name": "/" }],
        "exchanges": Exchange::ALL.map(exchange),
        "queues": queues,
        "bindings": bindings,
    })
}

#[test]
fn the_definitions_are_the_topology() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rabbitmq/definitions.json");
    let written: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let expected = expected();
    // One by one first, for a readable difference.
    for key in ["vhosts", "exchanges", "queues", "bindings"] {
        for entry in expected[key].as_array().unwrap() {
            assert!(written[key].as_array().unwrap().contains(entry), "{key}: missing or different: {entry:#}");
        }
    }
    assert_eq!(written, expected);
}
