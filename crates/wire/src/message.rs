//! What a message consists of.
//!
//! Source: <https://www.tencentcloud.com/document/product/1047/33527>

use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use crate::RelayedMessage;

/// One element of a message: a text, an image, a custom element…
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Object)]
pub struct MessageElement {
    /// `TIMTextElem`, `TIMLocationElem`, `TIMFaceElem`, `TIMCustomElem`, `TIMSoundElem`, `TIMImageElem`, `TIMFileElem`,
    /// `TIMVideoFileElem` or `TIMRelayElem`; the vendor adds more.
    #[serde(rename = "MsgType")]
    #[oai(rename = "MsgType")]
    pub element_type: String,
    /// What it says; which fields it has depends on its type.
    #[serde(rename = "MsgContent")]
    #[oai(rename = "MsgContent")]
    pub content: MessageContent,
}

/// What an element of a message says: the fields of every type of element, of which each has a few. One struct and no
/// enum, since an element of a type that is not known yet must not make the whole message unreadable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Object)]
#[serde(rename_all = "PascalCase", default)]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct MessageContent {
    /// Text: what it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Custom element, face: data of the app's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Custom element, location: a description for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desc: Option<String>,
    /// Custom element: an extension for offline pushes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ext: Option<String>,
    /// Custom element: the sound of an offline push.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound: Option<String>,
    /// Face: its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<i64>,
    /// Location: degrees north.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Location: degrees east.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
    /// Sound, image, file: the vendor's key of it.
    #[serde(rename = "UUID", skip_serializing_if = "Option::is_none")]
    #[oai(rename = "UUID")]
    pub uuid: Option<String>,
    /// Sound, file: where to download it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Sound: bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// Sound: its length in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<i64>,
    /// Sound, file: 2 when it is downloaded by its URL.
    #[serde(rename = "Download_Flag", skip_serializing_if = "Option::is_none")]
    #[oai(rename = "Download_Flag")]
    pub download_flag: Option<i64>,
    /// File: bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<i64>,
    /// File: its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// Image: 1 JPG, 2 GIF, 3 PNG, 4 BMP, 255 another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_format: Option<i64>,
    /// Image: its sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_info_array: Option<Vec<ImageVersion>>,
    /// Video: where to download it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_url: Option<String>,
    /// Video: the vendor's key of it.
    #[serde(rename = "VideoUUID", skip_serializing_if = "Option::is_none")]
    #[oai(rename = "VideoUUID")]
    pub video_uuid: Option<String>,
    /// Video: bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_size: Option<i64>,
    /// Video: its length in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_second: Option<i64>,
    /// Video: `mp4` and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_format: Option<String>,
    /// Video: 2 when it is downloaded by its URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_download_flag: Option<i64>,
    /// Video: where to download its thumbnail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumb_url: Option<String>,
    /// Video: the vendor's key of its thumbnail.
    #[serde(rename = "ThumbUUID", skip_serializing_if = "Option::is_none")]
    #[oai(rename = "ThumbUUID")]
    pub thumb_uuid: Option<String>,
    /// Video: bytes of its thumbnail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumb_size: Option<i64>,
    /// Video: its thumbnail's width in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumb_width: Option<i64>,
    /// Video: its thumbnail's height in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumb_height: Option<i64>,
    /// Video: `JPG` and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumb_format: Option<String>,
    /// Video: 2 when its thumbnail is downloaded by its URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumb_download_flag: Option<i64>,
    /// Forwarded messages: a heading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Forwarded messages: how many there are.
    #[serde(rename = "MsgNum", skip_serializing_if = "Option::is_none")]
    #[oai(rename = "MsgNum")]
    pub message_count: Option<i64>,
    /// Forwarded messages: what clients that can't show them show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatible_text: Option<String>,
    /// Forwarded messages: a line about each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abstract_list: Option<Vec<String>>,
    /// Forwarded messages: themselves.
    #[serde(rename = "MsgList", skip_serializing_if = "Option::is_none")]
    #[oai(rename = "MsgList")]
    pub messages: Option<Vec<RelayedMessage>>,
}

/// One size of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct ImageVersion {
    /// 1 original, 2 large, 3 thumbnail.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub version: i64,
    /// Bytes.
    pub size: i64,
    /// Pixels.
    pub width: i64,
    /// Pixels.
    pub height: i64,
    /// Where to download it.
    #[serde(rename = "URL")]
    #[oai(rename = "URL")]
    pub url: String,
}

// === impl MessageElement ===

impl MessageElement {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            element_type: "TIMTextElem".to_owned(),
            content: MessageContent {
                text: Some(text.into()),
                ..MessageContent::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::decode;
    use gateway_test_support::read;
    use serde_json::{Value, json};

    use super::*;

    /// An element as the vendor shows it is read whole and written as it came.
    #[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
    fn check(msg_type: &str, content: Value) {
        let element = json!({ "MsgType": msg_type, "MsgContent": content });
        let read = read::<MessageElement>(&element.to_string());
        assert_eq!(serde_json::to_value(&read).unwrap(), element);
    }

    #[test]
    fn every_type_of_element_is_read_whole() {
        check("TIMTextElem", json!({ "Text": "hello" }));
        check(
            "TIMLocationElem",
            json!({ "Desc": "here", "Latitude": 29.5, "Longitude": 116.25 }),
        );
        check("TIMFaceElem", json!({ "Data": "smile", "Index": 1 }));
        check(
            "TIMCustomElem",
            json!({ "Data": "LV1", "Desc": "level", "Ext": "url", "Sound": "ding.aiff" }),
        );
        check(
            "TIMSoundElem",
            json!({ "UUID": "1", "Url": "https://a", "Size": 62_351, "Second": 1, "Download_Flag": 2 }),
        );
        check(
            "TIMImageElem",
            json!({ "UUID": "1", "ImageFormat": 1, "ImageInfoArray": [
                { "Type": 1, "Size": 1_853_095, "Width": 2448, "Height": 3264, "URL": "https://a" },
            ] }),
        );
        check(
            "TIMFileElem",
            json!({ "UUID": "1", "Url": "https://a", "Download_Flag": 2, "FileSize": 1773, "FileName": "a.txt" }),
        );
        check(
            "TIMVideoFileElem",
            json!({
                "VideoUrl": "https://a", "VideoUUID": "1", "VideoSize": 1, "VideoSecond": 1, "VideoFormat": "mp4",
                "VideoDownloadFlag": 2, "ThumbUrl": "https://b", "ThumbUUID": "2", "ThumbSize": 13_907,
                "ThumbWidth": 720, "ThumbHeight": 1280, "ThumbFormat": "JPG", "ThumbDownloadFlag": 2,
            }),
        );
        check(
            "TIMRelayElem",
            json!({
                "Title": "history", "MsgNum": 2, "CompatibleText": "too old", "AbstractList": ["alice: hi"],
                "MsgList": [{
                    "From_Account": "alice", "GroupId": "lobby", "MsgSeq": 85, "MsgRandom": 39, "MsgTimeStamp": 1_664_437_702,
                    "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "hi" } }],
                }, {
                    "From_Account": "alice", "To_Account": "bob", "MsgSeq": 86, "MsgRandom": 40, "MsgTimeStamp": 1_664_437_703,
                    "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "ho" } }],
                }],
            }),
        );
    }

    #[test]
    fn an_unknown_element_keeps_no_message_unread() {
        let message = r#"[{"MsgType": "TIMTextElem", "MsgContent": {"Text": "hi"}}, {"MsgType": "TIMNewElem", "MsgContent": {"New": 1}}]"#;
        let decoded = decode::<Vec<MessageElement>>(message.as_bytes());
        assert_eq!(decoded.value.unwrap().len(), 2);
        let paths: Vec<&str> = decoded.drift.iter().map(|drift| &*drift.path).collect();
        assert_eq!(paths, ["[].MsgContent.New"]);
    }
}
