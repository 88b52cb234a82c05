//! `ContentCallback.ResultNotify`: content was moderated.

use gateway_core::{Callback, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of results of moderation; by default Chat tells of violations only.
#[derive(Debug)]
pub struct ModerationResult;

/// What was moderated, and the result. The body names no command.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct ModerationResultRequest {
    /// `C2C`, `C2CCustom`, `Group`, `GroupCustom`, `GroupInfo`, `GroupMemberInfo`, `RelationChain` or `UserInfo`.
    pub scene: String,
    /// The app, as in the URL.
    pub sdk_app_id: i64,
    /// Whose content it is.
    #[serde(rename = "From_Account")]
    #[oai(rename = "From_Account")]
    pub author: String,
    /// Where a message went; absent from other content.
    #[serde(rename = "ContactItem")]
    #[oai(rename = "ContactItem")]
    pub contact: Option<ModeratedContact>,
    /// `Text`, `Image`, `Audio` or `Video`.
    pub content_type: String,
    /// The text; empty for media.
    #[serde(default)]
    #[oai(default, skip_serializing_if_is_empty)]
    pub text_content: Vec<String>,
    /// Where the media lies; absent from text.
    #[serde(rename = "FileURL")]
    #[oai(rename = "FileURL")]
    pub file_url: Option<String>,
    /// `MsgKey` of a message to a user, `MsgSeq` of one to a group; absent from a group message that was not delivered.
    #[serde(rename = "MsgID")]
    #[oai(rename = "MsgID")]
    pub message_key_or_seq: Option<String>,
    /// 1 when it was blocked, 0 when it passed.
    #[serde(rename = "CtxcbResult")]
    #[oai(rename = "CtxcbResult")]
    pub result: i64,
    /// Tells this moderation from others.
    #[serde(rename = "CtxcbRequestId")]
    #[oai(rename = "CtxcbRequestId")]
    pub moderation_id: String,
    /// The keywords that were found.
    #[serde(rename = "CtxcbKeywords", default)]
    #[oai(rename = "CtxcbKeywords", default, skip_serializing_if_is_empty)]
    pub keywords: Vec<String>,
    /// `Block`, `Review` or `Normal`.
    #[serde(rename = "CtxcbSuggestion")]
    #[oai(rename = "CtxcbSuggestion")]
    pub suggestion: Option<String>,
    /// `Normal`, `Illegal`, `Abuse`, `Polity`, `Ad`, `Porn`, `Sexy`, `Terror` or `Composite`.
    #[serde(rename = "CtxcbLabel")]
    #[oai(rename = "CtxcbLabel")]
    pub label: Option<String>,
    /// A finer label.
    #[serde(rename = "CtxcbSubLabel")]
    #[oai(rename = "CtxcbSubLabel")]
    pub sub_label: Option<String>,
    /// The finer label in words.
    #[serde(rename = "CtxcbSubLabelDesc")]
    #[oai(rename = "CtxcbSubLabelDesc")]
    pub sub_label_description: Option<String>,
    /// The name of the moderation's library.
    #[serde(rename = "CtxcbLibName")]
    #[oai(rename = "CtxcbLibName")]
    pub library_name: Option<String>,
    /// The message's custom data; absent from other content.
    pub cloud_custom_data: Option<String>,
}

/// Where a moderated message went.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct ModeratedContact {
    /// 1 for a user, 2 for a group.
    pub contact_type: i64,
    /// The user, with contact type 1.
    #[serde(rename = "To_Account")]
    #[oai(rename = "To_Account")]
    pub recipient: Option<String>,
    /// The group, with contact type 2.
    #[serde(rename = "ToGroupId")]
    #[oai(rename = "ToGroupId")]
    pub group: Option<String>,
}

impl Callback for ModerationResult {
    const COMMAND: &'static str = "ContentCallback.ResultNotify";
    const FEATURE: &'static str = "Moderation";
    const SUMMARY: &'static str = "Content was moderated";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/78240";
    const SAMPLE: &'static str = include_str!("../samples/moderation_result.json");

    type Request = ModerationResultRequest;
    type Answer = Noted;

    fn subjects(request: &ModerationResultRequest) -> Subjects {
        let contact = request.contact.as_ref();
        let recipient = contact.and_then(|contact| contact.recipient.as_deref());
        let group = contact.and_then(|contact| contact.group.as_deref());
        Subjects::default()
            .account(&request.author)
            .accounts(recipient)
            .groups(group)
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::decode;
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<ModerationResult>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<ModerationResult>();
    }

    #[test]
    fn is_found_by_the_author_and_the_recipient() {
        check_subjects::<ModerationResult>(Subjects::default().accounts(["alice", "bob"]));
    }

    #[test]
    fn an_undelivered_image_of_a_group_is_found_by_the_group() {
        let body = r#"{
            "Scene": "Group", "SdkAppId": 1400000000, "From_Account": "alice",
            "ContactItem": { "ContactType": 2, "ToGroupId": "@TGS#2J4SZEAEL" },
            "ContentType": "Image", "FileURL": "https://example.com/image.png",
            "CtxcbResult": 1, "CtxcbRequestId": "241ed925-4c56-4357-95dd-1e6e7798f214"
        }"#;
        let request = read::<ModerationResultRequest>(body);
        let subjects = Subjects::default().account("alice").group("@TGS#2J4SZEAEL");
        assert_eq!(ModerationResult::subjects(&request), subjects);
        assert_eq!(request.message_key_or_seq, None);
    }

    #[test]
    fn a_single_text_is_a_list_of_one() {
        let body = br#"{
            "Scene": "UserInfo", "SdkAppId": 1400000000, "From_Account": "alice",
            "ContentType": "Text", "TextContent": "aaabbbccc",
            "CtxcbResult": 0, "CtxcbRequestId": "241ed925-4c56-4357-95dd-1e6e7798f214"
        }"#;
        let decoded = decode::<ModerationResultRequest>(body);
        assert_eq!(decoded.drift[0].path, "TextContent");
        let request = decoded.value.unwrap();
        assert_eq!(request.text_content, ["aaabbbccc"]);
    }
}
