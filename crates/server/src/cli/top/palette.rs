//! Accents that can be read on light and dark backgrounds: the terminal's own colours, and few of them.

use ratatui::style::{Color, Modifier, Style};

/// What stands out, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    pub has_colours: bool,
}

// === impl Palette ===

impl Palette {
    /// Names of what is shown.
    pub(super) fn heading() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What can be passed over.
    pub(super) fn quiet() -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// All is well.
    pub(super) fn good(self) -> Style {
        self.coloured(Color::Green)
    }

    /// Somebody should look. Also without colours.
    pub(super) fn bad(self) -> Style {
        self.coloured(Color::Red).add_modifier(Modifier::BOLD)
    }

    fn coloured(self, colour: Color) -> Style {
        if self.has_colours {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }
}
