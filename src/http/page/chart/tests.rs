use super::*;

fn chart(id: &str) -> Chart<'_> {
    let table = Table { head: vec!["When".to_owned(), "Flows".to_owned()], rows: Vec::new() };
    Chart { id, title: "<t>".to_owned(), unit: "flows", tick: |value| value.to_string(), below: Vec::new(), table }
}

/// Values of an attribute of all elements of a name, in their order.
fn attributes(markup: &str, element: &str, attribute: &str) -> Vec<String> {
    let tags =
        markup.split('<').filter(|tag| tag.strip_prefix(element).is_some_and(|rest| rest.starts_with([' ', '>'])));
    let value = |tag: &str| {
        let (_, rest) = tag.split_once(&format!(" {attribute}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    tags.filter_map(value).collect()
}

#[test]
fn equal_counts_have_equal_heights_and_none_has_none() {
    let series = |class: &str, counts: &[u64]| Series { class: class.to_owned(), counts: counts.to_vec() };
    let shown = columns(&chart("c"), &[series("hue-1", &[5, 0, 10]), series("hue-2", &[5, 3, 0])]).into_string();
    let heights = attributes(&shown, "rect", "height");
    assert_eq!(heights, ["50", "100", "50", "30"], "10 is the top; of no flows there is no column");
    assert_eq!(attributes(&shown, "rect", "y"), ["50", "0", "0", "70"], "the second stands on the first");
    assert_eq!(attributes(&shown, "rect", "x"), ["20", "420", "20", "220"]);
    let none = columns(&chart("c"), &[series("hue-1", &[0, 0])]).into_string();
    assert_eq!(attributes(&none, "rect", "height"), Vec::<String>::new());
    let few = columns(&chart("c"), &[series("hue-1", &[1, 1_000_000])]).into_string();
    assert_eq!(attributes(&few, "rect", "height"), ["0.0001", "100"], "few is not none");
    assert!(columns(&chart("c"), &[]).into_string().contains("role=\"img\""));
}

#[test]
fn what_is_not_known_is_a_gap() {
    let path = |values: &[Option<f64>]| {
        let shown = line(&chart("c"), values, 1.0).into_string();
        assert!(!shown.contains("NaN") && !shown.contains("inf"), "{shown}");
        attributes(&shown, "path", "d").pop().unwrap()
    };
    let check = |values: &[Option<f64>], expected: &str| assert_eq!(path(values), expected, "{values:?}");
    check(&[], "");
    check(&[None, None], "");
    check(&[Some(1.0), Some(0.0)], "M0 0L150 0L450 100L600 100");
    check(&[Some(f64::NAN), Some(1.0), Some(f64::INFINITY)], "M200 0L300 0L400 0");
    check(&[Some(1.0), None, Some(1.0)], "M0 0L100 0L200 0M400 0L500 0L600 0");
    check(&[Some(-1.0)], "M0 100L300 100L600 100");
}

#[test]
fn a_chart_says_in_text_what_it_shows() {
    let mut chart = chart("packets");
    chart.below = vec!["30 min ago".to_owned(), "now".to_owned()];
    chart.table.rows = vec![vec!["<b>".to_owned(), "1".to_owned()]];
    let shown = line(&chart, &[Some(1.0)], 1.0).into_string();
    assert!(
        shown.contains("role=\"img\" aria-labelledby=\"packets-title\"><title id=\"packets-title\">&lt;t&gt;</title>")
    );
    assert!(shown.contains("<th scope=\"row\">&lt;b&gt;</th><td class=\"number\">1</td>"), "{shown}");
    assert!(shown.contains("<span>30 min ago</span><span>now</span>"));
    assert!(!shown.contains("style"), "{shown}");
}
