//! The OpenAPI document, kept as a snapshot: whoever changes the API sees what changes for clients.

#[test]
fn the_document_is_the_one_clients_know() {
    let mut document = serde_json::to_value(guildhall_api::openapi()).unwrap();
    document["info"]["version"] = "(version)".into();
    insta::with_settings!({snapshot_path => "../snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_json_snapshot!("openapi", document);
    });
}

#[test]
fn every_operation_has_its_own_name_and_tells_of_errors() {
    let document = serde_json::to_value(guildhall_api::openapi()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(names.insert(operation["operationId"].to_string()), "{method} {path}");
            assert!(operation["responses"]["default"].is_object(), "{method} {path}");
            let wanted = path.matches('{').count();
            let named = operation["parameters"]
                .as_array()
                .map_or(0, |all| all.iter().filter(|parameter| parameter["in"] == "path").count());
            assert_eq!(named, wanted, "{method} {path}");
        }
    }
}
