//! Zenskar's API: credentials, bodies, lists, mappings, and its traps.

use serde_json::{Value, json};
use zenstripe_sandbox::{
    Envelope, NativeSync, PatchNested, Remote, Request, Sandbox, TimestampForm,
};

use crate::support::{NOW, column, sandbox, send, zenskar, zenskar_request};

fn create(sandbox: &Sandbox, body: &Value) -> String {
    let (status, customer) = zenskar(sandbox, "POST", "/customers", &body.to_string());
    assert_eq!(status, 200, "{customer}");
    customer["id"].as_str().unwrap().to_owned()
}

#[test]
fn who_is_let_in() {
    let sandbox = sandbox();
    let organisation = "0f0e0d0c-0b0a-4908-8706-050403020100";
    for (key, org, version, status, text) in [
        (
            Some("sandbox_key"),
            Some(organisation),
            Some("20230501"),
            200,
            "results",
        ),
        (
            Some("sandbox_key"),
            Some(organisation),
            None,
            200,
            "results",
        ),
        (None, Some(organisation), None, 401, "Unauthorized"),
        (Some("wrong"), Some(organisation), None, 401, "Unauthorized"),
        (Some("sandbox_key"), None, None, 401, "Unauthorized"),
        (
            Some("sandbox_key"),
            Some(""),
            None,
            403,
            "\"Message\":\"User is not authorized",
        ),
        (
            Some("sandbox_key"),
            Some(organisation),
            Some("v2"),
            422,
            "type_error.integer",
        ),
    ] {
        let mut request = Request::new("GET", "/customers");
        for (name, value) in [
            ("x-api-key", key),
            ("organisation", org),
            ("apiversion", version),
        ] {
            if let Some(value) = value {
                request = request.with_header(name, value);
            }
        }
        let response = send(&sandbox, Remote::Zenskar, &request);
        let body = String::from_utf8(response.body.to_vec()).unwrap();
        assert_eq!(response.status, status, "{body}");
        assert!(body.contains(text), "{body}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn bodies_that_are_refused() {
    let sandbox = sandbox();
    create(
        &sandbox,
        &json!({"customer_name": "a", "email": "a@example.com"}),
    );
    let missing = "value_error.missing";
    for (body, status, text) in [
        ("", 422, missing),
        ("{", 422, "value_error.jsondecode"),
        ("[]", 422, "type_error.dict"),
        ("{}", 422, missing),
        (
            r#"{"customer_name":null}"#,
            422,
            "type_error.none.not_allowed",
        ),
        (r#"{"customer_name":1}"#, 422, "type_error.str"),
        (
            r#"{"customer_name":"b","email":"x"}"#,
            422,
            "value_error.email",
        ),
        (
            r#"{"customer_name":"b","address":"x"}"#,
            422,
            "type_error.dict",
        ),
        (
            r#"{"customer_name":"b","address":{"city":1}}"#,
            422,
            r#"["body","address","city"]"#,
        ),
        (
            r#"{"customer_name":"b","tax_info":{}}"#,
            422,
            "type_error.list",
        ),
        (
            r#"{"customer_name":"b","connector":{"name":"Stripe","reference_id":"x"}}"#,
            422,
            "enum",
        ),
        (
            r#"{"customer_name":"b","connector":{"name":"stripe"}}"#,
            422,
            missing,
        ),
        (
            r#"{"customer_name":"b","email":"A@example.com"}"#,
            400,
            r#"{"detail":"Customer with"#,
        ),
    ] {
        let (got, answer) = zenskar(&sandbox, "POST", "/customers", body);
        assert_eq!(got, status, "{body}: {answer}");
        assert!(answer.to_string().contains(text), "{body}: {answer}");
    }
    for (method, path, status) in [
        ("GET", "/customers/nonsense", 422),
        (
            "GET",
            "/customers/00000000-0000-4000-8000-000000000000",
            404,
        ),
        ("PUT", "/customers", 405),
        ("GET", "/plans", 404),
    ] {
        assert_eq!(
            zenskar(&sandbox, method, path, "{}").0,
            status,
            "{method} {path}"
        );
    }
}

#[test]
fn a_customer_lives_and_dies() {
    let sandbox = sandbox();
    let id = create(
        &sandbox,
        &json!({"customer_name": "a", "external_id": "", "address": {"line1": "x", "zip": "1"},
               "unknown": 1, "custom_data": {"a": 1}}),
    );
    let path = format!("/customer/{id}");
    let (_, made) = zenskar(&sandbox, "GET", &path, "");
    assert_eq!(made["external_id"], Value::Null);
    assert_eq!(made["address"]["line1"], "x");
    assert_eq!(made["address"].get("zip"), None, "dropped without a word");
    assert_eq!(made["created_at"], "2026-05-28T20:26:40.000000");
    assert_eq!((made.get("connector"), made.get("unknown")), (None, None));
    let patch = json!({"address": {"city": "y"}, "custom_data": {"b": 2}, "phone_number": null});
    let (_, new) = zenskar(&sandbox, "PATCH", &path, &patch.to_string());
    assert_eq!(
        (&new["address"]["line1"], &new["address"]["city"]),
        (&Value::Null, &json!("y"))
    );
    assert_eq!(new["custom_data"], json!({"b": 2}));
    assert!(
        new["updated_at"].as_str() > made["updated_at"].as_str(),
        "even in the same moment"
    );
    assert_eq!(
        zenskar(&sandbox, "DELETE", &path, "").0,
        422,
        "a body is wanted"
    );
    assert_eq!(zenskar(&sandbox, "DELETE", &path, "{}"), (200, Value::Null));
    assert_eq!(zenskar(&sandbox, "GET", &path, "").0, 404);
    sandbox.switch(|s| s.zenskar.null_for_missing = true);
    assert_eq!(zenskar(&sandbox, "GET", &path, ""), (200, Value::Null));
    let writes: Vec<(String, bool)> = sandbox
        .writes(&id)
        .into_iter()
        .map(|write| (write.method, write.applied))
        .collect();
    let write = |method: &str, applied| (method.to_owned(), applied);
    assert_eq!(
        writes,
        [
            write("POST", true),
            write("PATCH", true),
            write("DELETE", false),
            write("DELETE", true)
        ]
    );
}

#[test]
fn a_uuid_as_external_id_becomes_the_id() {
    let sandbox = sandbox();
    let uuid = "123e4567-e89b-42d3-a456-426614174000";
    let id = create(
        &sandbox,
        &json!({"customer_name": "a", "external_id": uuid}),
    );
    assert_eq!(
        (id.as_str(), &sandbox.zenskar_customer(&id)["external_id"]),
        (uuid, &Value::Null)
    );
}

#[test]
fn patches_can_merge_and_null_can_clear() {
    let sandbox = sandbox();
    sandbox.switch(|s| {
        s.zenskar.patch_nested = PatchNested::Merge;
        s.zenskar.null_clears = true;
    });
    let fields = json!({"customer_name": "a", "email": "a@example.com", "address": {"line1": "x"}});
    let id = create(&sandbox, &fields);
    let patch = json!({"address": {"city": "y"}, "email": null});
    let (_, new) = zenskar(
        &sandbox,
        "PATCH",
        &format!("/customers/{id}"),
        &patch.to_string(),
    );
    assert_eq!(
        (&new["address"]["line1"], &new["address"]["city"]),
        (&json!("x"), &json!("y"))
    );
    assert_eq!(new["email"], Value::Null);
    create(
        &sandbox,
        &json!({"customer_name": "b", "email": "a@example.com"}),
    );
}

#[test]
fn mappings() {
    let sandbox = sandbox();
    let stripe_id = sandbox.stripe_create_customer(&json!({"name": "a"}));
    let id = create(
        &sandbox,
        &json!({"customer_name": "a", "email": "a@example.com"}),
    );
    let path = format!("/customers/{id}/connector/stripe");
    let (status, answer) = zenskar(&sandbox, "GET", &path, "");
    assert_eq!(status, 400, "not mapped is a 400: {answer}");
    let connector = json!({"name": "stripe", "reference_id": stripe_id});
    let body = json!({"connector": connector}).to_string();
    assert_eq!(
        zenskar(&sandbox, "PATCH", &format!("/customers/{id}"), &body).0,
        200
    );
    let mapped = json!({
        "connector_name": "stripe", "reference_id": stripe_id, "customer_name": "a",
        "email": "a@example.com",
    });
    assert_eq!(zenskar(&sandbox, "GET", &path, ""), (200, mapped.clone()));
    assert_eq!(zenskar(&sandbox, "DELETE", &path, "{}").0, 200);
    assert_eq!(zenskar(&sandbox, "GET", &path, "").0, 400);
    let short = format!("/customers/{id}/connector");
    assert_eq!(
        zenskar(&sandbox, "PATCH", &short, &connector.to_string()),
        (200, mapped)
    );
    assert_eq!(sandbox.mapping(&id).as_ref(), Some(&stripe_id));
    sandbox.stripe_delete_customer(&stripe_id);
    let (status, answer) = zenskar(&sandbox, "GET", &path, "");
    assert_eq!(
        (status, answer),
        (400, json!({"detail": "resource deleted on connector"}))
    );
    sandbox.switch(|s| s.zenskar.null_for_unmapped = true);
    let other = zenskar(&sandbox, "POST", "/customers", r#"{"customer_name":"b"}"#).1;
    let other = other["id"].as_str().unwrap();
    let path = format!("/customers/{other}/connector/stripe");
    let (status, mapping) = zenskar(&sandbox, "GET", &path, "");
    assert_eq!((status, &mapping["reference_id"]), (200, &Value::Null));
}

#[test]
fn pages() {
    let sandbox = sandbox();
    for n in 0..5 {
        create(&sandbox, &json!({"customer_name": format!("c{n}")}));
        sandbox.clock().advance(1);
    }
    for (order, expected) in [
        ("-created_at", ["c4", "c3", "c2", "c1", "c0"]),
        ("created_at", ["c0", "c1", "c2", "c3", "c4"]),
        ("updated_at", ["c0", "c1", "c2", "c3", "c4"]),
        ("-customer_name", ["c4", "c3", "c2", "c1", "c0"]),
        ("customer_name", ["c0", "c1", "c2", "c3", "c4"]),
    ] {
        let base = format!("/customers?order={order}&limit=2");
        let get = |cursor: &Value| {
            let target = match cursor.as_str() {
                Some(cursor) => format!("{base}&cursor={cursor}"),
                None => base.clone(),
            };
            let (status, page) = zenskar(&sandbox, "GET", &target, "");
            assert_eq!(status, 200, "{page}");
            page
        };
        let first = get(&Value::Null);
        assert_eq!(
            (&first["total_count"], &first["previous"]),
            (&json!(5), &Value::Null)
        );
        let second = get(&first["next"]);
        let third = get(&second["next"]);
        assert_eq!(third["next"], Value::Null);
        let all = [&first, &second, &third].map(|page| column(&page["results"], "customer_name"));
        assert_eq!(all.concat(), expected, "{order}");
        assert_eq!(
            get(&second["previous"])["results"],
            first["results"],
            "{order}"
        );
    }
    sandbox.switch(|s| {
        s.zenskar.envelope = Envelope::Data;
        s.zenskar.max_limit = 3;
    });
    let (_, page) = zenskar(&sandbox, "GET", "/customers?limit=100", "");
    assert_eq!(
        (page["data"].as_array().unwrap().len(), &page["total"]),
        (3, &json!(5))
    );
    let target = format!("/customers?cursor={}", page["next"].as_str().unwrap());
    sandbox.switch(|s| s.zenskar.cursor_ttl = Some(60));
    assert_eq!(zenskar(&sandbox, "GET", &target, "").0, 200);
    sandbox.clock().advance(61);
    assert_eq!(zenskar(&sandbox, "GET", &target, "").0, 400, "expired");
    sandbox.switch(|s| s.zenskar.cursor_ttl = None);
    sandbox.expire_cursors();
    assert_eq!(
        zenskar(&sandbox, "GET", &target, "").0,
        400,
        "expired on demand"
    );
    assert_eq!(zenskar(&sandbox, "GET", "/customers?cursor=zz", "").0, 400);
}

#[test]
fn filters() {
    let sandbox = sandbox();
    create(
        &sandbox,
        &json!({"customer_name": "Acme", "external_id": "e1", "email": "a@x.com"}),
    );
    sandbox.clock().advance(10);
    create(
        &sandbox,
        &json!({"customer_name": "Acme Two", "custom_data": {"users": ["bo@x.com"]}}),
    );
    sandbox.clock().advance(10);
    create(
        &sandbox,
        &json!({"customer_name": "Beta", "auto_charge_enabled": false}),
    );
    let names = |query: &str| {
        let (status, page) = zenskar(&sandbox, "GET", &format!("/customers?{query}"), "");
        if status == 200 {
            Ok(column(&page["results"], "customer_name"))
        } else {
            Err(status)
        }
    };
    for (query, expected) in [
        ("external_id=e1", vec!["Acme"]),
        ("external_id__isnull=true", vec!["Beta", "Acme Two"]),
        ("email__in=a@x.com,b@x.com", vec!["Acme"]),
        ("customer_name__ilike=acme%25", vec!["Acme Two", "Acme"]),
        ("auto_charge_enabled=false", vec!["Beta"]),
        ("search=custom_data.users=bo@x", vec!["Acme Two"]),
        ("search_name_external_id=acme", vec!["Acme", "Acme Two"]),
        (
            "created_at__gte=2026-05-28T20:26:50",
            vec!["Beta", "Acme Two"],
        ),
        ("updated_at__gt=1780000010", vec!["Beta"]),
        ("updated_at__lte=1780000010", vec!["Acme Two", "Acme"]),
        ("updated_at__gte=2999-01-01T00:00:00", vec![]),
        ("invoice__status=paid", vec![]),
        ("nonsense=1", vec!["Beta", "Acme Two", "Acme"]),
        (
            "sort_key=created_at&sort_type=asc",
            vec!["Acme", "Acme Two", "Beta"],
        ),
    ] {
        let expected = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(names(query), Ok(expected), "{query}");
    }
    for (query, status) in [
        ("updated_at__gte=2026-05-28T20:26:50Z", 500),
        ("updated_at__gte=2026-05-28T20:26:50%2B00:00", 500),
        ("updated_at__gte=yesterday", 422),
        ("limit=x", 422),
        ("limit=0", 422),
        ("external_id__isnull=perhaps", 422),
    ] {
        assert_eq!(names(query), Err(status), "{query}");
    }
    sandbox.switch(|s| s.zenskar.ignore_updated_at = true);
    assert_eq!(
        names("updated_at__gte=2999-01-01T00:00:00").unwrap().len(),
        3
    );
    sandbox.switch(|s| s.zenskar.refuse_unknown_filters = true);
    assert_eq!(names("nonsense=1"), Err(422));
    sandbox.switch(|s| s.zenskar.ignore_filters = true);
    assert_eq!(names("external_id=e1").unwrap().len(), 3);
}

#[test]
fn reads_can_lag() {
    let sandbox = sandbox();
    sandbox.switch(|s| s.zenskar.read_lag = 30);
    let id = create(&sandbox, &json!({"customer_name": "a"}));
    let path = format!("/customers/{id}");
    assert_eq!(zenskar(&sandbox, "GET", &path, "").0, 404);
    sandbox.clock().advance(31);
    assert_eq!(zenskar(&sandbox, "GET", &path, "").1["customer_name"], "a");
    let (_, written) = zenskar(&sandbox, "PATCH", &path, r#"{"customer_name":"b"}"#);
    assert_eq!(written["customer_name"], "b");
    assert_eq!(zenskar(&sandbox, "GET", &path, "").1["customer_name"], "a");
    let listed = zenskar(&sandbox, "GET", "/customers", "").1;
    assert_eq!(listed["results"][0]["customer_name"], "a");
    sandbox.clock().advance(31);
    assert_eq!(zenskar(&sandbox, "GET", &path, "").1["customer_name"], "b");
}

#[test]
fn times_and_limits_and_no_idempotency() {
    let sandbox = sandbox();
    let body = r#"{"customer_name":"a"}"#;
    let request = zenskar_request("POST", "/customers", body).with_header("Idempotency-Key", "k");
    let id = |request: &Request| send(&sandbox, Remote::Zenskar, request).value()["id"].to_string();
    assert_ne!(id(&request), id(&request), "sent twice is made twice");
    for (form, expected) in [
        (TimestampForm::SpacedMicros, "2026-05-28 20:26:40.000000"),
        (TimestampForm::Seconds, "2026-05-28T20:26:40"),
        (TimestampForm::Zulu, "2026-05-28T20:26:40.000000Z"),
    ] {
        sandbox.switch(|s| s.zenskar.timestamps = form);
        let (_, page) = zenskar(&sandbox, "GET", "/customers?order=created_at&limit=1", "");
        assert_eq!(page["results"][0]["created_at"], expected);
    }
    sandbox.switch(|s| s.zenskar.rate_limit = Some(1));
    assert_eq!(zenskar(&sandbox, "GET", "/customers", "").0, 200);
    let refused = zenskar(&sandbox, "GET", "/customers", "");
    assert_eq!(refused, (429, json!({"message": "Too Many Requests"})));
}

#[test]
fn zenskars_own_connector() {
    let sandbox = sandbox();
    sandbox.switch(|s| {
        s.zenskar.create_makes_stripe_customer = true;
        s.zenskar.native_sync = NativeSync::Both;
        s.zenskar.native_sync_delay = 5;
    });
    let id = create(
        &sandbox,
        &json!({"customer_name": "a", "address": {"zipCode": "1"}}),
    );
    assert_eq!(sandbox.mapping(&id), None);
    sandbox.clock().advance(5);
    let stripe_id = sandbox.mapping(&id).unwrap();
    let made = sandbox.stripe_customer(&stripe_id);
    assert_eq!(
        (&made["name"], &made["address"]["postal_code"]),
        (&json!("a"), &json!("1"))
    );
    sandbox.stripe_update_customer(&stripe_id, &json!({"name": "b"}));
    sandbox.clock().advance(5);
    assert_eq!(sandbox.zenskar_customer(&id)["customer_name"], "b");
    sandbox
        .zenskar_update_customer(&id, &json!({"customer_name": "c"}))
        .unwrap();
    sandbox.clock().advance(5);
    assert_eq!(sandbox.stripe_customer(&stripe_id)["name"], "c");
    let events = sandbox.stripe_events().len();
    sandbox.clock().advance(3600);
    assert_eq!(
        sandbox.stripe_events().len(),
        events,
        "copies do not chase each other"
    );
    assert_eq!(sandbox.clock().now(), NOW + 3615);
}

#[test]
fn nested_members_are_checked_and_shown_whole() {
    let sandbox = sandbox();
    let id = create(&sandbox, &json!({ "customer_name": "Acme" }));
    let path = format!("/customers/{id}");
    let patch = |body: Value| zenskar(&sandbox, "PATCH", &path, &body.to_string());
    for (body, place) in [
        (json!({ "tax_info": {} }), json!(["body", "tax_info"])),
        (
            json!({ "tax_info": ["DE1"] }),
            json!(["body", "tax_info", "0"]),
        ),
        (
            json!({ "tax_info": [{ "tax_id": 1 }] }),
            json!(["body", "tax_info", "0", "tax_id"]),
        ),
        (
            json!({ "ship_to_address": 1 }),
            json!(["body", "ship_to_address"]),
        ),
    ] {
        let (status, refusal) = patch(body);
        assert_eq!(
            (status, &refusal["detail"][0]["loc"]),
            (422, &place),
            "{refusal}"
        );
    }
    let entry = json!({ "country_code": "DE", "tax_code": "VAT", "tax_id": "DE1" });
    let mut more = entry.clone();
    more["country"] = json!("Germany");
    let body = json!({ "tax_info": [more], "ship_to_address": { "line1": "4 Quai", "zip": "1" } });
    let (status, customer) = patch(body);
    assert_eq!((status, &customer["tax_info"]), (200, &json!([entry])));
    let ship_to = &customer["ship_to_address"];
    assert_eq!(
        (
            &ship_to["line1"],
            &ship_to["city"],
            &ship_to["validation_status"]
        ),
        (&json!("4 Quai"), &Value::Null, &json!("pending"))
    );
    assert!(ship_to.get("zip").is_none());
}
