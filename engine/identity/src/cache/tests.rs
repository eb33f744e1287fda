use super::*;
use proptest::prelude::*;

fn verified(name: u8) -> Verified {
    let text: Box<str> = name.to_string().into();
    let caller = Caller {
        issuer_name: text.clone(),
        issuer: text.clone(),
        subject: text.clone(),
        user_id: text,
        email: None,
        groups: Vec::new(),
        in_scope: true,
        expires_at: 0,
    };
    Verified {
        caller: Rc::new(caller),
        window: Window {
            expires_at: 0,
            not_before: 0,
            issued_at: None,
        },
    }
}

fn holds(cache: &mut TokenCache, name: u8) -> bool {
    let found = cache.get(&[name; 32]);
    found.is_some_and(|v| *v.caller.subject == *name.to_string())
}

#[test]
fn bounded() {
    let mut none = TokenCache::new(0);
    none.insert([1; 32], verified(1));
    assert!(none.is_empty());
    let mut two = TokenCache::new(2);
    two.insert([1; 32], verified(1));
    two.insert([2; 32], verified(2));
    assert!(holds(&mut two, 1));
    two.insert([3; 32], verified(3));
    assert!(!holds(&mut two, 2));
    assert!(holds(&mut two, 1) && holds(&mut two, 3));
    assert_eq!(two.len(), 2);
}

#[test]
fn versions() {
    let mut cache = TokenCache::new(2);
    cache.bind("a");
    cache.insert([1; 32], verified(1));
    cache.bind("a");
    assert!(holds(&mut cache, 1));
    cache.bind("b");
    assert!(cache.is_empty());
}

proptest! {
    /// The same as a list that is kept in order of use.
    #[test]
    fn least_recently_used(capacity in 1usize..5, steps in prop::collection::vec((0u8..3, 0u8..8), 0..200)) {
        let mut cache = TokenCache::new(capacity);
        let mut model: Vec<u8> = Vec::new();
        for (step, name) in steps {
            let held = model.iter().position(|&n| n == name);
            match step {
                0 => {
                    prop_assert_eq!(holds(&mut cache, name), held.is_some());
                    if let Some(at) = held {
                        model.remove(at);
                        model.push(name);
                    }
                }
                1 => {
                    cache.insert([name; 32], verified(name));
                    model.retain(|&n| n != name);
                    model.push(name);
                    if model.len() > capacity {
                        model.remove(0);
                    }
                }
                _ => {
                    cache.remove(&[name; 32]);
                    model.retain(|&n| n != name);
                }
            }
            prop_assert_eq!(cache.len(), model.len());
            prop_assert_eq!(cache.uses.len(), model.len());
        }
    }
}
